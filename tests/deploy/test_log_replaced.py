"""A system that runs while its log is cut, made anew, or restored from a backup."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from bus import LogReplaced
from bus.kafka.batches import LARGEST_BATCH
from deploy.engines import open_log
from deploy.kafka import Cluster
from deploy.parts import Part
from deploy.settings import Settings
from deploy.storage import Storage
from deploy.system import running_parts
from events.envelope import commands_topic, events_topic
from events.machines import FLEET, AddMachine, MachineSettings
from events.values import Context
from interfaces.cli.soundness import examine
from interfaces.issuing import Write, issue
from tests.brokers import kafka, kafka_url, mortal_kafka
from tests.patience import PATIENCE
from tests.servers import database_url, server_url

__all__ = ["database_url", "kafka", "kafka_url", "mortal_kafka", "server_url"]

PARTS = frozenset({Part.MACHINE_STATUS_MANAGER, Part.PROJECTIONS})
EVENTS, COMMANDS = events_topic(Context.MACHINES), commands_topic(Context.MACHINES)

Operator: TypeAlias = AIOKafkaAdminClient
Change = Callable[[Operator, str], Awaitable[object]]


async def delete_some(operator: Operator, topic: str) -> object:
    return await operator.delete_records({TopicPartition(topic, 0): RecordsToDelete(1)})


async def delete_all(operator: Operator, topic: str) -> object:
    return await operator.delete_records({TopicPartition(topic, 0): RecordsToDelete(-1)})


async def make_anew(operator: Operator, topic: str) -> None:
    await operator.delete_topics([topic])
    kept = {"retention.ms": "-1", "max.message.bytes": str(LARGEST_BATCH)}
    wanted = NewTopic(topic, 1, 1, topic_configs=kept)
    while (await operator.create_topics([wanted])).topic_errors[0][1]:
        await asyncio.sleep(0.05)


async def delete(operator: Operator, topic: str) -> object:
    return await operator.delete_topics([topic])


async def problems(url: str) -> str:
    """What `vestec log verify` says."""
    log = await open_log(url)
    try:
        return "; ".join([said async for one in examine(log, {}) for said in one.problems])
    finally:
        await log.close()


@asynccontextmanager
async def operator_of(kafka: Cluster) -> AsyncIterator[Operator]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


class Running:
    """A system of two parts, and what it says of itself."""

    def __init__(self, storage: Storage, session: ClientSession) -> None:
        self._storage, self._session = storage, session

    async def add(self, machine: str) -> None:
        """Add a machine, and wait until it can be seen."""
        storage = self._storage
        settings = MachineSettings(name=machine, dialect="processes", base_directory="/tmp")
        write = Write(uuid4(), Context.MACHINES, FLEET, AddMachine(settings=settings))
        await issue(storage.log, storage.clock, write, "test")
        async with asyncio.timeout(PATIENCE):
            while machine not in await self._machines():
                await asyncio.sleep(0.05)

    async def health(self) -> Any:
        async with self._session.get("/health") as response:
            return await response.json()

    async def is_well(self) -> None:
        """Wait until it says so; on a busy machine servers may not answer in time."""
        await self._said(lambda said: said["status"] == "ok")

    async def storage(self, sentence: str) -> None:
        """Wait until that is said of the storage."""
        await self._said(lambda said: sentence in said["storage"])

    async def broken(self) -> str:
        """Wait until its manager has stopped; why."""
        broken = await self._said(lambda said: _part(said, "machines").get("broken"))
        assert (await self.health())["status"] == "degraded"
        return str(broken["0"])

    async def projection(self) -> str:
        """Wait until the machines' projection fails; why."""
        failing = await self._said(lambda said: _part(said, "projections").get("failing"))
        return str(failing["machines"]["reason"])

    async def _said(self, wanted: Callable[[Any], Any]) -> Any:
        """Wait for what is wanted of what it says."""
        async with asyncio.timeout(PATIENCE):
            while not (found := wanted(await self.health())):
                await asyncio.sleep(0.1)
        return found

    async def _machines(self) -> list[str]:
        rows = await self._storage.pool.fetch("select name from vestec_read.machines")
        return [row["name"] for row in rows]


def _part(said: Any, part: str) -> Any:
    """Nothing is said of any as long as the log is away."""
    return said.get("parts", {}).get(part, {})


@asynccontextmanager
async def running(log: str, database: str, folder: Path) -> AsyncIterator[Running]:
    blobs = f"file://{folder}/blobs"
    wanted = Settings(data=folder / "data", log=log, database=database, blobs=blobs, port=0)
    async with running_parts(PARTS, wanted) as system, ClientSession(system.url) as session:
        yield Running(system.storage, session)


@pytest.mark.parametrize(
    ("change", "topic", "sentence"),
    [
        (delete_some, EVENTS, "begins at 1, where all of it is kept"),
        (delete_all, EVENTS, "where all of it is kept"),
        (delete, EVENTS, f"{EVENTS}: it was deleted"),
        (delete, COMMANDS, f"{COMMANDS}: it was deleted"),
        (make_anew, EVENTS, "records of it were read before"),
        (make_anew, COMMANDS, "ends at 0, but 1 records of it were read before"),
    ],
)
async def test_a_part_that_runs_stops_with_a_sentence(
    change: Change,
    topic: str,
    sentence: str,
    kafka: Cluster,
    kafka_url: str,
    database_url: str,
    tmp_path: Path,
) -> None:
    async with (
        running(kafka_url, database_url, tmp_path) as system,
        operator_of(kafka) as operator,
    ):
        await system.add("m")
        await system.is_well()
        await change(operator, f"{urlsplit(kafka_url).path[1:]}.{topic}")
        assert sentence in await system.broken()
        if topic == EVENTS:
            assert sentence in await system.projection()
        if change is delete and topic == EVENTS:
            await system.storage(sentence)


async def test_a_topic_of_commands_that_was_lost_serves_again_when_it_is_filled_up(
    kafka: Cluster, kafka_url: str, database_url: str, tmp_path: Path
) -> None:
    topic = f"{urlsplit(kafka_url).path[1:]}.{COMMANDS}"
    async with running(kafka_url, database_url, tmp_path) as system:
        await system.add("one")
    async with operator_of(kafka) as operator:
        await operator.delete_topics([topic])
        with pytest.raises(LogReplaced, match=f"{COMMANDS} is not there"):
            async with running(kafka_url, database_url, tmp_path):
                pass
        await make_anew(operator, topic)
    assert f"{COMMANDS}/0 ends at 0, but 1 records of it were read" in await problems(kafka_url)
    async with AIOKafkaProducer(bootstrap_servers=kafka.servers) as producer:
        await producer.send_and_wait(topic, b"lost", partition=0)
    async with running(kafka_url, database_url, tmp_path) as system:
        await system.add("two")
        await system.is_well()


async def test_a_broker_that_comes_back_with_an_older_folder_is_noticed(
    mortal_kafka: Cluster, database_url: str, tmp_path: Path
) -> None:
    (node,) = mortal_kafka.nodes
    async with running(mortal_kafka.url, database_url, tmp_path) as system:
        await system.add("one")
        await node.stop()
        shutil.copytree(node.folder, tmp_path / "backup")
        node.start()
        await mortal_kafka.ready()
        await system.add("two")
        await node.stop()
        shutil.rmtree(node.folder)
        shutil.move(tmp_path / "backup", node.folder)
        node.start()
        await mortal_kafka.ready()
        assert "records of it were read before" in await system.broken()
        assert "records of it were read before" in await system.projection()
