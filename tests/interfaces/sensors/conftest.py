"""A system on a real broker, and a worker of the sensor feeds in a process that may be killed."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from confluent_kafka import Producer

from bus import Stored
from deploy.kafka import Cluster
from deploy.parts import Part
from deploy.settings import Settings
from deploy.storage import Storage
from deploy.system import running_parts
from events.endpoints import CloseEndpoint, DataArrived, Endpoint, OpenEndpoint
from events.envelope import decode, events_topic
from events.sensors import Finding
from events.values import Context, IncidentId
from interfaces.issuing import Write, issue
from tests.brokers import kafka, kafka_url
from tests.servers import database_url, server_url

__all__ = ["database_url", "kafka", "kafka_url", "server_url"]

WITHIN = 60.0
WITHOUT_KCAT = "without kcat (Debian's package of that name): a sensor of that make was not tried"
VESTEC = Path(sys.executable).with_name("vestec")


@dataclass
class Site:
    """A system without sensors; workers are added."""

    storage: Storage
    environment: dict[str, str]
    folder: Path
    brokers: str
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """How the names of topics begin."""
        return self.environment["VESTEC_LOG"].rpartition("/")[2] + "."

    def topic(self, feed: str) -> str:
        return f"{self.namespace}vestec.sensors.{feed}"

    def start(self) -> "subprocess.Popen[bytes]":
        """A worker; `vestec run sensors`, as its operators do."""
        number = len(self.workers)
        data = str(self.folder / f"data-{number}")
        with (self.folder / f"worker-{number}.log").open("wb") as said:
            worker = subprocess.Popen(
                [VESTEC, "run", "sensors", "--data", data],
                env={**os.environ, **self.environment},
                stdout=said,
                stderr=said,
            )
        self.workers.append(worker)
        return worker

    async def metrics(self) -> list[str]:
        """What the first worker shows to Prometheus."""
        said = (self.folder / "worker-0.log").read_text()
        (url,) = re.findall(r"health at (\S+)/health", said)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
            return (await answer.text()).splitlines()

    async def open(self, name: str, incident: str = "") -> IncidentId:
        """An endpoint of an incident, seen by readers."""
        id = IncidentId(incident or str(uuid4()))
        path = f"{name}{id}"
        endpoint = Endpoint(incident=id, name=name, stage="any", path=path)
        await self._issue(id, OpenEndpoint(endpoint=endpoint))

        async def seen() -> bool:
            query = "select 1 from vestec_read.endpoints where path = $1"
            return bool(await self.storage.pool.fetchval(query, path))

        await until("the endpoint is open", seen)
        return id

    async def close(self, incident: IncidentId, name: str) -> None:
        await self._issue(incident, CloseEndpoint(name=name))

    async def _issue(self, incident: IncidentId, command: OpenEndpoint | CloseEndpoint) -> None:
        write = Write(uuid4(), Context.ENDPOINTS, incident, command)
        await issue(self.storage.log, self.storage.clock, write, "test")

    async def findings(self, incident: IncidentId) -> list[Finding]:
        """All that arrived at an incident's endpoints, in order of the log."""
        arrived: list[Finding] = []
        topic = events_topic(Context.ENDPOINTS)
        for partition in range(await self.storage.log.partitions(topic)):
            for stored in await self._all(topic, partition):
                if "epoch" not in stored.record.headers or stored.record.key != incident:
                    continue
                arrived += [
                    Finding.model_validate_json(event.arrival.content.inline or b"")
                    for event in decode(stored.record).events
                    if isinstance(event, DataArrived)
                ]
        return arrived

    async def parked(self) -> list[tuple[bytes, str]]:
        """What was refused, and why."""
        found = await self._all("vestec.sensors.parked", 0)
        return [(one.record.value, one.record.headers["reason"]) for one in found]

    async def _all(self, topic: str, partition: int) -> list[Stored]:
        records: list[Stored] = []
        while found := await self.storage.log.read(topic, partition, len(records)):
            records += found
        return records

    def producer(self) -> Producer:
        """A sensor of another make than ours."""
        return Producer({"bootstrap.servers": self.brokers})

    def kcat(self, feed: str, lines: str) -> None:
        """A sensor that is a line of shell."""
        command = ["kcat", "-P", "-b", self.brokers, "-t", self.topic(feed)]
        subprocess.run(command, input=lines.encode(), check=True, timeout=WITHIN)


async def until(what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as it is so."""
    try:
        async with asyncio.timeout(WITHIN):
            while not await condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"after {WITHIN:g} s still not so: {what}") from None


def reading(station: str, time: float, **values: Any) -> str:
    return json.dumps({"station": station, "time": time, **values})


Sited = Callable[[str], Any]


@pytest.fixture
def sited(kafka: Cluster, kafka_url: str, database_url: str, tmp_path: Path) -> Sited:
    """Run a system whose feeds are declared so."""

    @asynccontextmanager
    async def running(feeds: str) -> AsyncIterator[Site]:
        file = tmp_path / "sensors.toml"
        file.write_text(feeds)
        environment = {
            "VESTEC_LOG": kafka_url,
            "VESTEC_DATABASE": database_url,
            "VESTEC_BLOBS": f"file://{tmp_path}/blobs",
            "VESTEC_SENSORS": str(file),
        }
        settings = Settings(
            data=tmp_path / "data",
            log=kafka_url,
            database=database_url,
            blobs=environment["VESTEC_BLOBS"],
            port=0,
        )
        parts = frozenset({Part.EXTERNAL_DATA, Part.PROJECTIONS})
        async with running_parts(parts, settings) as system:
            site = Site(system.storage, environment, tmp_path, kafka.servers)
            try:
                yield site
            finally:
                for worker in site.workers:
                    worker.kill()
                    worker.wait()

    return running


@pytest.fixture
def kcat() -> None:
    """Skip what needs it, loudly, unless this is a test of every change."""
    if shutil.which("kcat") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(WITHOUT_KCAT)
        pytest.skip(WITHOUT_KCAT)
