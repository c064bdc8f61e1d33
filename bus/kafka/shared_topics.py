"""Topics that others read or write as well: made where they are missing, else looked at."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from bus.contract import LogError, LogUnavailable
from bus.kafka.address import Address
from bus.kafka.connections import reach
from bus.kafka.topics import TopicUnfit, misfits

_log = structlog.get_logger()
_UNKNOWN = 3
"""The error code of a topic that there is not."""


@dataclass(frozen=True)
class SharedTopics:
    """The topics of a cluster, as long as the context lasts that made this."""

    _admin: AIOKafkaAdminClient
    _address: Address
    _brokers: int
    """That are alive."""

    @property
    def copies(self) -> int:
        """That each topic should have."""
        return self._address.copies(self._brokers)

    async def make(
        self,
        name: str,
        partitions: int,
        needed: Mapping[str, str],
        wished: Mapping[str, str] | None = None,
    ) -> int:
        """Make it if it is missing; how many partitions it has.

        One that is there is left alone: raises `TopicUnfit` where it is not as `needed`, or cannot
        be used as long as brokers are away; what is only `wished` otherwise is logged.
        """
        (described,) = await self._describe([name])
        if described["error_code"] != _UNKNOWN:
            for partition in described["partitions"]:
                if partition["leader"] < 0:
                    number = partition["partition"]
                    raise TopicUnfit(f"topic {name} has no leader of partition {number}")
            await self._look_at(name, described["partitions"], needed, wished or {})
            return len(described["partitions"])
        configuration = {**needed, **(wished or {})}
        copies = self._address.copies_of_new(self._brokers)
        new = NewTopic(name, partitions, copies, topic_configs=configuration)
        answer = await self._admin.create_topics([new])
        for _, code, *_ in answer.topic_errors:
            if code == TopicAlreadyExistsError.errno:
                return await self.make(name, partitions, needed, wished)
            _refuse(name, code)
        return partitions

    async def partitions(self, names: Iterable[str]) -> dict[str, int]:
        """How many each topic has now; of one that there is not 0."""
        described = await self._describe([*names])
        return {one["topic"]: len(one["partitions"]) for one in described}

    async def _describe(self, names: list[str]) -> list[dict[str, Any]]:
        """Not by aiokafka's own way, which lets brokers make what is missing as they like."""
        request = MetadataRequest(names, allow_auto_topic_creation=False)
        answer = await self._admin._send_request(request)
        found: list[dict[str, Any]] = answer.to_object()["topics"]
        for one in found:
            if one["error_code"] != _UNKNOWN:
                _refuse(one["topic"], one["error_code"])
        return found

    async def _look_at(
        self,
        name: str,
        partitions: Sequence[Mapping[str, Any]],
        needed: Mapping[str, str],
        wished: Mapping[str, str],
    ) -> None:
        asked = ConfigResource(
            ConfigResourceType.TOPIC, name, configs=dict.fromkeys({**needed, **wished})
        )
        (answer,) = await self._admin.describe_configs([asked])
        ((_, _, _, _, entries),) = answer.resources
        found = {entry[0]: entry[1] for entry in entries}
        if wrong := misfits(found, needed):
            raise TopicUnfit(
                f"topic {name} may lose or refuse records: {'; '.join(wrong)}. Change it with"
                " kafka-configs.sh"
            )
        odd = misfits(found, wished)
        copies = min((len(partition["replicas"]) for partition in partitions), default=0)
        if copies < self.copies:
            odd.append(f"it has {copies} copies, not {self.copies}")
        if odd:
            _log.warning("topic is left as it was made", topic=name, odd="; ".join(odd))


def _refuse(topic: str, code: int) -> None:
    """Raise `LogError` for what brokers refuse for good, `KafkaError` for what may pass."""
    if code:
        error = for_code(code)
        if error.retriable:
            raise error(f"topic {topic}")
        raise LogError(f"Kafka lets nobody use topic {topic} so: {error.__name__}")


@asynccontextmanager
async def shared_topics(address: Address) -> AsyncIterator[SharedTopics]:
    """The topics of a cluster. Raises `LogUnavailable`, from within the context, too."""
    admin = AIOKafkaAdminClient(**address.client)
    try:
        await reach(address, admin.start)
        brokers = (await admin.describe_cluster())["brokers"]
        yield SharedTopics(admin, address, len(brokers))
    except (KafkaError, OSError) as error:
        raise LogUnavailable(f"topics that are shared with others: {error}") from error
    finally:
        await admin.close()
