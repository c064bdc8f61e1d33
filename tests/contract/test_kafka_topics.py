"""Kafka's topics: made as they must be, and refused when somebody changed them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from bus import (
    Log,
    LogError,
    LogReplaced,
    Membership,
    PartitionsChanged,
    Record,
    UnknownTopic,
    WatchedLog,
    Writer,
    verify,
)
from bus.kafka import KafkaLog
from bus.kafka.connections import GONE_AFTER
from bus.kafka.topics import TopicUnfit
from deploy.kafka import Cluster
from tests.contract.log_contract import numbered, read_all, until
from tests.patience import PATIENCE

LEASE = 1.0
NOTICED_WITHIN = 20.0
"""Seconds until what reads a log knows that it is not what it was."""


@pytest.fixture
def namespace() -> str:
    return f"test_{uuid4().hex}"


@pytest.fixture
async def log(kafka: Cluster, namespace: str) -> AsyncIterator[Log]:
    log = await KafkaLog.connect(f"{kafka.url}/{namespace}", lease=LEASE, deadline=5)
    yield log
    await log.close()


@pytest.fixture
async def operator(kafka: Cluster) -> AsyncIterator[AIOKafkaAdminClient]:
    """Somebody else's tools."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.servers)
    await client.start()
    yield client
    await client.close()


async def configuration(operator: AIOKafkaAdminClient, topic: str) -> Mapping[str, str]:
    (answer,) = await operator.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    ((*_, entries),) = answer.resources
    return {entry[0]: entry[1] for entry in entries}


async def configure(operator: AIOKafkaAdminClient, topic: str, **changes: str) -> None:
    """Change a topic's configuration, with underscores for dots."""
    configs = {name.replace("_", "."): value for name, value in changes.items()}
    await operator.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])


async def test_a_topic_keeps_its_records_for_ever(
    log: Log, operator: AIOKafkaAdminClient, namespace: str
) -> None:
    await log.declare("t", 1)
    found = await configuration(operator, f"{namespace}.t")
    assert found["cleanup.policy"] == "delete"
    assert (found["retention.ms"], found["retention.bytes"]) == ("-1", "-1")
    assert found["unclean.leader.election.enable"] == "false"
    assert found["min.insync.replicas"] == "1"
    assert found["message.timestamp.type"] == "LogAppendTime"  # whatever our clocks show


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"retention_ms": "1000"}, "retention.ms is 1000, not -1"),
        ({"cleanup_policy": "compact"}, "cleanup.policy is compact, not delete"),
        ({"max_message_bytes": "1000"}, "max.message.bytes is 1000, not 8388608"),
        ({"compression_type": "zstd"}, "compression.type is zstd, not producer"),
    ],
)
async def test_a_topic_that_may_lose_or_refuse_records_is_refused(
    log: Log,
    operator: AIOKafkaAdminClient,
    namespace: str,
    change: Mapping[str, str],
    sentence: str,
) -> None:
    await operator.create_topics([NewTopic(f"{namespace}.t", 1, 1)])
    await configure(operator, f"{namespace}.t", **change)

    async def refused() -> bool:
        """Brokers hear of a change a little later."""
        try:
            await log.declare("t", 1)
        except TopicUnfit as error:
            return sentence in str(error)
        return False

    async with asyncio.timeout(PATIENCE):
        await until(refused)


async def test_an_unfit_topic_is_fit_again_when_it_was_mended(
    log: Log, operator: AIOKafkaAdminClient, namespace: str
) -> None:
    await operator.create_topics([NewTopic(f"{namespace}.t", 1, 1)])
    with pytest.raises(TopicUnfit, match="Change it with"):
        await log.declare("t", 1)
    await configure(
        operator,
        f"{namespace}.t",
        retention_ms="-1",
        max_message_bytes="9000000",
        unclean_leader_election_enable="false",
    )

    async def declared() -> bool:
        try:
            await log.declare("t", 1)
        except TopicUnfit:
            return False
        return True

    async with asyncio.timeout(PATIENCE):
        await until(declared)


async def until_it_ends(member: Membership) -> None:
    """Whatever it owns until then: a busy machine may miss a lease."""
    owned = member.owned
    while True:
        owned = await member.changed(owned)


async def test_partitions_that_were_added_are_noticed_and_refused(
    log: Log, kafka: Cluster, operator: AIOKafkaAdminClient, namespace: str
) -> None:
    await log.declare("t", 2)
    async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
        assert await member.changed(frozenset()) == {0, 1}
        await operator.create_partitions({f"{namespace}.t": NewPartitions(3)})
        later = await KafkaLog.connect(f"{kafka.url}/{namespace}")
        try:
            with pytest.raises(PartitionsChanged, match="3 partitions, 2 were asked for"):
                await later.declare("t", 2)
        finally:
            await later.close()
        with pytest.raises(PartitionsChanged, match="3 partitions by now"):
            await until_it_ends(member)
        assert member.owned == frozenset()
        with pytest.raises(PartitionsChanged, match="3 partitions by now"):
            await log.append("t", 0, numbered(1))


async def test_partitions_that_were_added_where_nobody_is_a_member_are_refused_within_seconds(
    log: Log, operator: AIOKafkaAdminClient, namespace: str
) -> None:
    await log.declare("t", 2)
    await log.append("t", 0, numbered(1))
    await operator.create_partitions({f"{namespace}.t": NewPartitions(3)})

    async def refused() -> bool:
        try:
            await log.append("t", 1, numbered(1))
        except PartitionsChanged as error:
            return str(error) == f"topic {namespace}.t has 3 partitions by now, it had 2"
        return False

    async with asyncio.timeout(PATIENCE):
        await until(refused)


async def test_a_topic_that_is_made_anew_is_noticed_while_it_is_read(
    log: Log, operator: AIOKafkaAdminClient, namespace: str
) -> None:
    """As with a backup that knows nothing of the newest records."""
    await log.declare("t", 1)
    watched = WatchedLog(log, whole=lambda _: True)
    writer = await Writer.take_over(watched, "t", 0, "nonce")
    position = await writer.append(numbered(1, 2))
    waiting = asyncio.create_task(watched.wait("t", 0, position.offset))
    await asyncio.sleep(0)
    await operator.delete_topics([f"{namespace}.t"])

    async def made_anew() -> bool:
        answer = await operator.create_topics([NewTopic(f"{namespace}.t", 1, 1)])
        return bool(answer.topic_errors[0][1] == 0)

    async with asyncio.timeout(PATIENCE):
        await until(made_anew)
    async with asyncio.timeout(NOTICED_WITHIN):
        with pytest.raises(LogReplaced, match="ends at 0, but 3 records of it were read before"):
            await waiting
    with pytest.raises(LogReplaced, match="lost its tail"):
        await verify(log, "t", 0, position)
    assert await log.read("t", 0, position.offset) == []
    await watched.close()


async def repeated(call: Callable[[], Awaitable[object]]) -> None:
    """Until it fails."""
    while True:
        await call()


async def test_a_topic_that_is_deleted_is_named_by_who_asks_for_it(
    log: Log, operator: AIOKafkaAdminClient, namespace: str
) -> None:
    """Not before the brokers have said so for a while: they may not have heard of it yet."""
    for topic in ("t", "u"):
        await log.declare(topic, 1)
    await operator.delete_topics([f"{namespace}.t"])
    began = asyncio.get_running_loop().time()
    for call in (partial(log.bounds, "t", 0), partial(log.read, "t", 0, 0)):
        with pytest.raises(UnknownTopic, match=rf"do not have the topic {namespace}\.t: "):
            await repeated(call)  # a broker may serve it a little longer
        assert asyncio.get_running_loop().time() - began >= GONE_AFTER - 0.5
    assert await log.bounds("u", 0) == (0, 0)
    await log.declare("t", 1)
    assert await log.bounds("t", 0) == (0, 0)


@pytest.mark.parametrize("deleted", [1, 3])
async def test_records_that_somebody_deletes_are_noticed_by_who_waits_behind_them(
    log: Log, operator: AIOKafkaAdminClient, namespace: str, deleted: int
) -> None:
    await log.declare("t", 1)
    watched = WatchedLog(log, whole=lambda _: True)
    await watched.append("t", 0, numbered(1, 2, 3))
    waiting = asyncio.create_task(watched.wait("t", 0, 3))
    await asyncio.sleep(0)
    await operator.delete_records({TopicPartition(f"{namespace}.t", 0): RecordsToDelete(deleted)})
    async with asyncio.timeout(NOTICED_WITHIN):
        with pytest.raises(LogReplaced, match=f"begins at {deleted}, where all of it is kept"):
            await waiting
    await watched.close()


async def test_asking_for_a_topic_does_not_make_it(
    log: Log, operator: AIOKafkaAdminClient, namespace: str
) -> None:
    """Not even on brokers that make topics at the mention of a name."""
    with pytest.raises(UnknownTopic):
        await log.read("t", 0, 0)
    assert f"{namespace}.t" not in await operator.list_topics()


async def test_what_the_broker_refuses_was_not_written(
    log: Log, operator: AIOKafkaAdminClient, namespace: str
) -> None:
    await log.declare("t", 2)
    await log.append("t", 0, numbered(1))
    with pytest.raises(LogError, match="not text"):
        await log.append("t", 0, [Record("\udc80", b"")])
    await configure(operator, f"{namespace}.t", max_message_bytes="1000")

    async def refused() -> bool:
        try:
            await log.append("t", 1, [Record("k", bytes(2000))])
        except LogError as error:
            return "Kafka refused an append" in str(error)
        return False

    async with asyncio.timeout(PATIENCE):
        await until(refused)
    assert await log.append("t", 0, numbered(2)) == 1


async def test_a_name_that_is_none(log: Log) -> None:
    with pytest.raises(LogError, match=r"'.*no topic' is no name of a topic for Kafka"):
        await log.declare("no topic", 1)


async def test_a_lease_that_the_broker_refuses(kafka: Cluster, namespace: str) -> None:
    log = await KafkaLog.connect(f"{kafka.url}/{namespace}", lease=0.4)
    try:
        await log.declare("t", 1)
        async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
            with pytest.raises(LogError, match=r"group\.min\.session\.timeout\.ms"):
                await member.changed(frozenset())
    finally:
        await log.close()


async def test_records_of_other_programs_are_read(log: Log, kafka: Cluster, namespace: str) -> None:
    """Without key, value or headers, with bytes that are no text, and with gaps in the offsets."""
    await log.declare("t", 1)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.servers, transactional_id=namespace
    ) as producer:
        for value in (b"1", b"2"):
            async with producer.transaction():
                await producer.send_and_wait(f"{namespace}.t", value, partition=0)
    await log.append("t", 0, [Record("ours", b"3")])
    async with AIOKafkaProducer(bootstrap_servers=kafka.servers) as producer:
        headers = [("h", b"\xff")]
        await producer.send_and_wait(f"{namespace}.t", None, b"\xff", 0, headers=headers)
    found = await read_all(log, "t", 0)
    assert [stored.offset for stored in found] == [0, 2, 4, 5]
    assert [stored.record for stored in found] == [
        Record("", b"1"),
        Record("", b"2"),
        Record("ours", b"3"),
        Record("\ufffd", b"", {"h": "\ufffd"}),
    ]
