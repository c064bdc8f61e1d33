"""The Kafka log on three brokers: copies of all, and one broker that dies."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bus import Log, WatchedLog
from bus.contract import LogUnavailable
from bus.kafka import KafkaLog
from bus.kafka.topics import TopicUnfit
from deploy.kafka import Cluster, KafkaMissing, running_cluster
from tests.contract.log_contract import follow, numbered, read_all
from tests.patience import PATIENCE
from tests.without import must_have


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    with TemporaryDirectory(prefix="vestec-kafka-") as folder, asyncio.Runner() as runner:
        settings = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
        cluster = running_cluster(Path(folder), 3, settings=settings)
        with must_have("Kafka", KafkaMissing):
            running = runner.run(cluster.__aenter__())
        yield running
        runner.run(cluster.__aexit__(None, None, None))


@pytest.fixture
async def log(three: Cluster) -> AsyncIterator[Log]:
    """Watched: a new leader is no loss."""
    log = WatchedLog(await KafkaLog.connect(three.url, deadline=30), lambda _: True, look_every=0.1)
    yield log
    await log.close()


async def test_topics_have_three_copies_and_one_with_fewer_is_refused(
    log: Log, three: Cluster
) -> None:
    await log.declare("copied", 6)
    operator = AIOKafkaAdminClient(bootstrap_servers=three.servers)
    await operator.start()
    try:
        (topic,) = await operator.describe_topics(["copied"])
        await operator.create_topics([NewTopic("single", 1, 1)])
    finally:
        await operator.close()
    assert [len(part["replicas"]) for part in topic["partitions"]] == [3] * 6
    with pytest.raises(TopicUnfit, match="it has 1 copies, not 3"):
        await log.declare("single", 1)


async def test_a_broker_dies_and_nothing_that_was_acknowledged_is_lost(
    log: Log, three: Cluster
) -> None:
    """Each broker leads some partitions; appends to these wait for another leader."""
    partitions, appends, kill_at = 6, 300, 100
    await log.declare("t", partitions)
    ready = asyncio.Semaphore(0)
    killed = asyncio.Event()

    async def write(partition: int) -> None:
        for number in range(appends):
            if number == kill_at:
                ready.release()
                await killed.wait()
            assert await log.append("t", partition, numbered(number, number)) == 2 * number

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        reading = [
            tasks.create_task(follow(log, "t", partition, 2 * appends))
            for partition in range(partitions)
        ]
        for partition in range(partitions):
            tasks.create_task(write(partition))
        for _ in range(partitions):
            await ready.acquire()
        three.nodes[0].kill()
        killed.set()
    expected = [record for number in range(appends) for record in numbered(number, number)]
    for partition in range(partitions):
        assert [stored.record for stored in reading[partition].result()] == expected
        assert [stored.record for stored in await read_all(log, "t", partition)] == expected


async def test_topics_are_not_made_with_one_copy_while_one_of_three_brokers_is_away(
    three: Cluster,
) -> None:
    """As seen by who names one of them; the first died."""
    three.nodes[0].kill()
    log = await KafkaLog.connect(f"kafka://{three.servers.split(',')[1]}", deadline=30)

    async def make_until_the_others_know() -> None:
        for number in itertools.count():
            await log.declare(f"late-{number}", 1)

    try:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(LogUnavailable, match="2 brokers are there"):
                await make_until_the_others_know()
    finally:
        await log.close()
