"""Topics: made as the log needs them, and checked whenever they are declared.

Records are kept for ever, in the order of their appends, until they are trimmed; an append that is
acknowledged has two copies where there are three brokers. Kafka leaves it to the system when a copy
reaches the disk: brokers that lose power all at once lose acknowledged records, unless a topic's
`flush.messages` is 1, at the cost of an fsync for each append.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError
from aiokafka.protocol.admin import CreateTopicsRequest, DescribeConfigsRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

from bus.contract import LogError, PartitionsChanged, UnknownTopic
from bus.kafka.address import Address
from bus.kafka.batches import LARGEST_BATCH
from bus.kafka.connections import BACKOFF, Connections, check

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_MAKE_WITHIN_MS = 10_000
_TOPIC = 2
"""The code of a topic among resources that have a configuration."""


class TopicUnfit(LogError):
    """The topic is configured so that it may lose records or refuse them."""


@dataclass(frozen=True)
class _Description:
    partitions: int
    copies: int
    led: bool
    """Whether each partition has a leader."""
    brokers: tuple[int, ...]
    """Those of the cluster that are alive."""


class Topics:
    """The topics of a cluster, as this process knows them."""

    def __init__(self, connections: Connections, address: Address) -> None:
        self._connections, self._address = connections, address
        self._partitions: dict[str, int] = {}

    async def partitions(self, topic: str) -> int:
        """How many the topic has; raises `UnknownTopic`."""
        if topic not in self._partitions:
            described = await self._describe(topic)
            if not described.partitions:
                raise UnknownTopic(f"topic {topic} was never declared")
            self._partitions[topic] = described.partitions
        return self._partitions[topic]

    async def declare(self, topic: str, partitions: int) -> None:
        """Make the topic, or check the one that is there; raises `PartitionsChanged`, `TopicUnfit`.

        The copies that it should have follow from how many brokers are alive now.
        """
        async with self._connections.deadline_of("topic"):
            described = await self._describe(topic)
            brokers = len(described.brokers)
            if not described.partitions:
                await self._make(topic, partitions, self._address.copies_of_new(brokers))
                described = await self._settled(topic)
            if described.partitions != partitions:
                raise PartitionsChanged(
                    f"topic {topic} has {described.partitions} partitions,"
                    f" {partitions} were asked for"
                )
            await self._check(topic, described.copies, self._address.copies(brokers))
        self._partitions[topic] = partitions

    async def _describe(self, topic: str, node: int | None = None) -> _Description:
        """What any broker, or a certain one, knows of the topic, which is not made by asking."""
        if not _NAME.fullmatch(topic):
            raise LogError(f"{topic!r} is no name of a topic for Kafka")
        request = MetadataRequest([topic], allow_auto_topic_creation=False)
        return await self._connections.ask(request, _description, node)

    async def _make(self, topic: str, partitions: int, copies: int) -> None:
        """Make it, unless somebody else just did."""

        def answer(response: Any) -> None:
            ((_, code, message),) = response.topic_errors
            if code == TopicAlreadyExistsError.errno:
                return
            try:
                check(code)
            except KafkaError as error:
                if error.retriable:
                    raise
                raise LogError(f"Kafka did not make topic {topic}: {message or error}") from error

        wanted = (topic, partitions, copies, (), [*{**_configuration(copies), **DATED}.items()])
        request = CreateTopicsRequest([wanted], _MAKE_WITHIN_MS, validate_only=False)
        await self._connections.ask(request, answer)

    async def _settled(self, topic: str) -> _Description:
        """What it is once all brokers know it and its leaders serve."""
        described = await self._describe(topic)
        for node in described.brokers:
            while not (described := await self._describe(topic, node)).led:
                await asyncio.sleep(BACKOFF[0])
        for partition in range(described.partitions):
            request = OffsetRequest(-1, 0, [(topic, [(partition, -1)])])
            await self._connections.ask_leader((topic, partition), request, _serves)
        return described

    async def _check(self, topic: str, copies: int, wanted: int) -> None:
        def answer(response: Any) -> dict[str, str]:
            ((code, _, _, _, entries),) = response.resources
            check(code)
            return {entry[0]: entry[1] for entry in entries}

        needed = _configuration(wanted)
        resource = (_TOPIC, topic, [*needed])
        found = await self._connections.ask(DescribeConfigsRequest([resource]), answer)
        wrong = misfits(found, needed)
        if copies < wanted:
            wrong.append(f"it has {copies} copies, not {wanted}")
        if wrong:
            raise TopicUnfit(
                f"topic {topic} may lose, refuse or hide records: {'; '.join(wrong)}."
                " Change it with kafka-configs.sh or kafka-reassign-partitions.sh"
            )


def _configuration(copies: int) -> Mapping[str, str]:
    """Source: Apache Kafka 4.1 documentation, section "Topic Configs"."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "max.message.bytes": str(LARGEST_BATCH),
        "min.insync.replicas": str(max(1, copies - 1)),
        "unclean.leader.election.enable": "false",
        "compression.type": "producer",
    }


DATED = {"message.timestamp.type": "LogAppendTime"}
"""What topics are made with besides. By default a broker refuses what is dated an hour ahead, and
with that all that a process writes whose clock is wrong."""
_AT_LEAST = ("max.message.bytes", "min.insync.replicas")
_READABLE = ("producer", "uncompressed", "gzip")
"""What a broker may do to batches: clients need not bring any other algorithm."""


def misfits(found: Mapping[str, str], needed: Mapping[str, str]) -> list[str]:
    """How a topic's configuration is not what is needed, in words."""
    return [
        f"{name} is {found.get(name)}, not {value}"
        for name, value in needed.items()
        if not _fits(name, found.get(name), value)
    ]


def _fits(name: str, found: str | None, needed: str) -> bool:
    if name in _AT_LEAST:
        return found is not None and int(found) >= int(needed)
    return found in _READABLE if name == "compression.type" else found == needed


def _description(response: Any) -> _Description:
    brokers = tuple(broker[0] for broker in response.brokers)
    ((code, _, _, partitions),) = response.topics
    if code == UnknownTopicOrPartitionError.errno:
        return _Description(0, 0, False, brokers)
    check(code)
    copies = min(len(partition[3]) for partition in partitions)
    led = all(partition[2] != -1 for partition in partitions)
    return _Description(len(partitions), copies, led, brokers)


def _serves(response: Any) -> None:
    ((_, ((_, code, *_),)),) = response.topics
    check(code)
