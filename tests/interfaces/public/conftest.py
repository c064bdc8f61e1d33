"""A system on a real broker, publishers in processes that may be killed, and a consumer of another
make than ours."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from bus import START, Stored, partition_of
from deploy.kafka import Cluster
from deploy.parts import Part
from deploy.settings import Settings
from deploy.storage import Storage
from deploy.system import running_parts
from events.datasets import DataSetRegistered
from events.endpoints import EndpointOpened, ReceivePush
from events.envelope import Recorded, events_topic, recorded
from events.incidents import ActivateIncident, Arrival, CancelIncident, CreateIncident
from events.values import Command, Content, Context, Event, IncidentId
from interfaces.issuing import Write, issue
from interfaces.public.cloud_events import TOPIC
from interfaces.public.telling import CONTEXTS, told
from tests.brokers import kafka, kafka_url
from tests.servers import database_url, server_url

__all__ = ["database_url", "kafka", "kafka_url", "server_url"]

WITHIN = 60.0
VESTEC = Path(sys.executable).with_name("vestec")
PARTS = frozenset({Part.WORKFLOW_MANAGER, Part.DATA_MANAGER, Part.EXTERNAL_DATA})


@dataclass(frozen=True)
class Message:
    """What the consumer got."""

    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes

    @property
    def id(self) -> str:
        return self.headers["ce_id"]

    @property
    def type(self) -> str:
        return self.headers["ce_type"]


@dataclass
class Site:
    """A system without the public stream; publishers are added."""

    storage: Storage
    environment: dict[str, str]
    folder: Path
    brokers: str
    publishers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return self.environment["VESTEC_LOG"].rpartition("/")[2] + f".{TOPIC}"

    def said(self) -> str:
        """What the newest publisher printed and logged."""
        return (self.folder / f"publisher-{len(self.publishers) - 1}.log").read_text()

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """A publisher; `vestec run public-stream`, as its operators do."""
        number = len(self.publishers)
        data = self.folder / f"data-{number}"
        with (self.folder / f"publisher-{number}.log").open("wb") as said:
            publisher = subprocess.Popen(
                [VESTEC, "run", "public-stream", f"--data={data}", *arguments],
                env={**os.environ, **self.environment, **environment},
                stdout=said,
                stderr=said,
            )
        self.publishers.append(publisher)
        return publisher

    async def create(self, name: str, *, exercise: bool = False) -> IncidentId:
        """An incident of the workflow `simple`, activated."""
        id = IncidentId(str(uuid4()))
        created = CreateIncident(incident=id, kind="simple", name=name, exercise=exercise)
        await self._issue(Context.INCIDENTS, id, created, UUID(id))
        await self._issue(Context.INCIDENTS, id, ActivateIncident())
        await self._until(Context.ENDPOINTS, id, EndpointOpened, 2)
        return id

    async def push(self, incident: IncidentId, text: str) -> None:
        """Data for its endpoint, which becomes a data set."""
        arrival = Arrival(
            id=uuid4(),
            endpoint="data",
            received=time.time(),
            content=Content(media_type="text/plain", size=len(text), inline=text.encode()),
            source="test",
        )
        known = await self._happened(Context.DATASETS, incident, DataSetRegistered)
        await self._issue(Context.ENDPOINTS, incident, ReceivePush(arrival=arrival))
        await self._until(Context.DATASETS, incident, DataSetRegistered, known + 1)

    async def cancel(self, incident: IncidentId) -> None:
        await self._issue(Context.INCIDENTS, incident, CancelIncident())

    async def _issue(
        self, context: Context, key: str, command: Command, id: UUID | None = None
    ) -> None:
        write = Write(id or uuid4(), context, key, command)
        await issue(self.storage.log, self.storage.clock, write, "test")

    async def _until(self, context: Context, key: str, event: type[Event], count: int) -> None:
        """So many of these happened to an incident."""
        async with asyncio.timeout(WITHIN):
            while await self._happened(context, key, event) < count:
                await asyncio.sleep(0.02)

    async def _happened(self, context: Context, key: str, event: type[Event]) -> int:
        partition = partition_of(key, self.storage.settings.partitions)
        found = await self._counted(context, partition)
        return sum(isinstance(it.event, event) and it.commit.key == key for it in found)

    async def to_be_told(self) -> list[Recorded]:
        """Every event of the log that counts and is public, by context and partition in order."""
        return [
            it
            for context in CONTEXTS
            for partition in range(await self.storage.log.partitions(events_topic(context)))
            for it in await self._counted(context, partition)
            if told(it) is not None
        ]

    async def _counted(self, context: Context, partition: int) -> list[Recorded]:
        position = START
        found: list[Recorded] = []
        for stored in await self._all(events_topic(context), partition):
            position, counts = position.after(stored)
            if counts:
                found += recorded(context, partition, position.epoch, stored)
        return found

    async def _all(self, topic: str, partition: int) -> list[Stored]:
        records: list[Stored] = []
        while found := await self.storage.log.read(topic, partition, len(records)):
            records += found
        return records

    def consumer(self) -> "Listener":
        return Listener(self.brokers, self.topic, self.storage.settings.partitions)


class Listener:
    """A consumer that reads the whole topic, and goes on."""

    def __init__(self, brokers: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer({"bootstrap.servers": brokers, "group.id": uuid4().hex})
        self._consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)]
        )
        self.heard: list[Message] = []

    def listen(self) -> None:
        """Take what has come."""
        for message in self._consumer.consume(500, timeout=0.05):
            assert not message.error(), message.error()
            headers: Any = message.headers()
            self.heard.append(
                Message(
                    _known(message.partition()),
                    _known(message.offset()),
                    _text(message.key()),
                    {name: _text(value) for name, value in headers},
                    message.value() or b"",
                )
            )

    def close(self) -> None:
        self._consumer.close()


def _known(number: int | None) -> int:
    assert number is not None
    return number


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def first_times(messages: Sequence[Message]) -> list[Message]:
    """Without repetitions, which must be the same."""
    seen: dict[str, Message] = {}
    for message in messages:
        known = seen.setdefault(message.id, message)
        assert (known.headers, known.value) == (message.headers, message.value)
    return list(seen.values())


def schemas() -> Any:
    """What `vestec schema events` prints."""
    printed = subprocess.run([VESTEC, "schema", "events"], capture_output=True, check=True)
    return json.loads(printed.stdout)


def wake(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGCONT)


def is_stopped(process: "subprocess.Popen[bytes]") -> bool:
    state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "T"


@pytest.fixture
async def site(
    kafka: Cluster, kafka_url: str, database_url: str, tmp_path: Path
) -> AsyncIterator[Site]:
    """A system whose managers run here."""
    environment = {
        "VESTEC_LOG": kafka_url,
        "VESTEC_DATABASE": database_url,
        "VESTEC_BLOBS": f"file://{tmp_path}/blobs",
        "VESTEC_PARTITIONS": "2",
        "VESTEC_LEASE": "1",
        "VESTEC_PUBLIC_DAYS": "2",
    }
    settings = Settings(
        data=tmp_path / "data",
        log=kafka_url,
        database=database_url,
        blobs=environment["VESTEC_BLOBS"],
        partitions=2,
        port=0,
    )
    async with running_parts(PARTS, settings) as system:
        site = Site(system.storage, environment, tmp_path, kafka.servers)
        try:
            yield site
        finally:
            for publisher in site.publishers:
                publisher.kill()
                publisher.wait()
