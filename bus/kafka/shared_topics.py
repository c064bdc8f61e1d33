"""Topics that others read or write as well: made where they are missing, else taken as they are."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from bus.contract import LogUnavailable
from bus.kafka.address import Address

_UNKNOWN = 3
"""The error code of a topic that there is not."""


@dataclass(frozen=True)
class SharedTopics:
    """The topics of a cluster, as long as the context lasts that made this."""

    _admin: AIOKafkaAdminClient
    copies: int
    """Of each topic that is made."""

    async def make(self, name: str, partitions: int, configuration: Mapping[str, str]) -> int:
        """Make it if it is missing; how many partitions it has."""
        (described,) = await self._admin.describe_topics([name])
        if described["error_code"] != _UNKNOWN:
            return len(described["partitions"])
        new = NewTopic(name, partitions, self.copies, topic_configs=dict(configuration))
        answer = await self._admin.create_topics([new])
        for _, code, *_ in answer.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)(f"topic {name}")
        return partitions

    async def configured(self, name: str, setting: str) -> str:
        """How it is configured in one point."""
        asked = ConfigResource(ConfigResourceType.TOPIC, name, configs={setting: None})
        (answer,) = await self._admin.describe_configs([asked])
        ((_, _, _, _, entries),) = answer.resources
        return str(entries[0][1])


@asynccontextmanager
async def shared_topics(address: Address) -> AsyncIterator[SharedTopics]:
    """The topics of a cluster. Raises `LogUnavailable`, from within the context, too."""
    admin = AIOKafkaAdminClient(**address.client)
    try:
        await admin.start()
        brokers = (await admin.describe_cluster())["brokers"]
        yield SharedTopics(admin, address.copies(len(brokers)))
    except KafkaError as error:
        raise LogUnavailable(f"topics that are shared with others: {error}") from error
    finally:
        await admin.close()
