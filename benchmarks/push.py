"""From an HTTP push to the start of the stage that it is for, in a whole system of one process.

Everything runs: the web edge, all managers, all read models, the embedded database with fsync.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import aiohttp

from benchmarks.engines import log_url
from benchmarks.result import Result, percentiles_ms
from deploy.garbage import spare_what_is_here
from deploy.settings import Settings
from deploy.system import System, running_system
from events.incidents import ActivateIncident, CreateIncident
from events.values import Command, Context, IncidentId
from interfaces.issuing import Write, issue
from workflows import Arrival, Incident, NoParameters, NoState, Workflow

RATE, SECONDS = 50, 20
WARM_UP = 50
_WITHIN = 60.0

STARTED: dict[UUID, float] = {}
"""When each arrival's stage started, by this process's clock."""

receiver = Workflow("benchmark-receiver", version=1, title="Notes when a push reaches its stage")


@receiver.on_activate
async def begin(incident: Incident[NoParameters, NoState]) -> None:
    await incident.endpoints.push("data", to=data)


@receiver.stage()
async def data(incident: Incident[NoParameters, NoState], arrival: Arrival) -> None:
    STARTED[arrival.id] = time.perf_counter()


async def run(engine: str) -> Result:
    """Milliseconds from the beginning of the request to the first line of the stage."""
    async with _system(engine) as system, aiohttp.ClientSession() as session:
        url = await endpoint(system, session, IncidentId(str(uuid4())), receiver.kind)
        await _pushes(session, url, WARM_UP)
        sent = await _pushes(session, url, RATE * SECONDS)
        async with asyncio.timeout(_WITHIN):
            while not sent.keys() <= STARTED.keys():
                await asyncio.sleep(0.01)
    seconds = [STARTED[id] - began for id, began in sent.items()]
    p50, p99 = percentiles_ms(seconds)
    details = {"pushes": len(sent), "per_second": RATE, "worst_ms": round(max(seconds) * 1000, 1)}
    return Result(p50, "ms", p50, p99, details)


@asynccontextmanager
async def _system(engine: str) -> AsyncIterator[System]:
    if engine == "memory":
        raise SystemExit("read models live in PostgreSQL: use --engine postgres, kafka or a URL")
    with TemporaryDirectory(prefix="vestec-") as folder:
        async with log_url(engine) as log:
            settings = Settings(
                data=Path(folder, "data"),
                log=log,
                blobs=f"file://{folder}/blobs",
                port=0,
                workflows=HERE,
            )
            async with running_system(settings) as system:
                spare_what_is_here()
                yield system


HERE = "benchmarks.push:receiver"


async def endpoint(
    system: System, session: aiohttp.ClientSession, incident: IncidentId, kind: str
) -> str:
    """The URL of the endpoint `data` of a new incident of this kind, once it takes pushes."""
    create = CreateIncident(incident=incident, kind=kind, name="benchmark")
    await issue_from_here(system, Context.INCIDENTS, incident, create)
    await issue_from_here(system, Context.INCIDENTS, incident, ActivateIncident())
    url = f"{system.url}/EDI/data{incident}"
    async with asyncio.timeout(_WITHIN):
        while (await session.post(url, data=b"0")).status != 202:
            await asyncio.sleep(0.05)
    return url


async def _pushes(session: aiohttp.ClientSession, url: str, count: int) -> dict[UUID, float]:
    """Push at the rate, each on time whatever the others do; when each began."""
    began: dict[UUID, float] = {}
    async with asyncio.TaskGroup() as group:
        start = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
            id = uuid4()
            began[id] = time.perf_counter()
            group.create_task(push(session, url, id))
    return began


async def push(
    session: aiohttp.ClientSession, url: str, id: UUID, content: bytes = bytes(200)
) -> None:
    """Push something whose arrival has this id."""
    async with session.post(url, data=content, headers={"Idempotency-Key": str(id)}) as answer:
        answer.raise_for_status()


async def issue_from_here(system: System, context: Context, key: str, command: Command) -> None:
    """Send a command to a manager."""
    wanted = Write(uuid4(), context, key, command)
    await issue(system.storage.log, system.storage.clock, wanted, "benchmark")
