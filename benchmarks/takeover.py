"""Takeover: how long a push waits for its stage when the process that would run it was killed.

Two processes run all parts and share the partitions. One gets `kill -9`; at that moment an incident
in each partition is pushed to through the other one. The figure is the time until the last of their
stages has started: leases have run out, endpoints and incidents have new owners, these have folded
the log, decided, and started the stage.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import uuid4

import aiohttp

from benchmarks.engines import urls
from benchmarks.push import HERE, STARTED, endpoint, push, receiver
from benchmarks.result import Result
from bus import partition_of
from deploy.parts import ALL
from deploy.settings import Settings
from deploy.system import running_parts
from events.values import Context, IncidentId

ROUNDS = 3
RECOMMENDED_LEASE = 2.0
"""Seconds; on Kafka the brokers' `group.min.session.timeout.ms` must be as short."""
_SHARED = (Context.INCIDENTS, Context.ENDPOINTS)
_WITHIN = 60.0


async def run(engine: str) -> Result:
    """Seconds with default settings: the median of 3 kills; and with the recommended lease."""
    if engine == "memory":
        raise SystemExit("a log in memory is that of one process: use --engine postgres or kafka")
    default = Settings.model_fields["lease"].default
    took = await _rounds(engine, default)
    short = await _rounds(engine, RECOMMENDED_LEASE)
    details = {
        "lease_s": default,
        "worst_s": round(max(took), 2),
        "recommended_lease_s": RECOMMENDED_LEASE,
        "recommended_s": round(median(short), 2),
        "recommended_worst_s": round(max(short), 2),
    }
    return Result(round(median(took), 2), "s", details=details)


async def _rounds(engine: str, lease: float) -> list[float]:
    with TemporaryDirectory(prefix="vestec-") as folder:
        async with urls(engine) as (log, database), aiohttp.ClientSession() as session:
            settings = Settings(
                data=Path(folder),
                log=log,
                database=database,
                blobs=f"file://{folder}/blobs",
                port=0,
                lease=lease,
                workflows=HERE,
            )
            async with running_parts(ALL, settings) as survivor:
                endpoints = [
                    await endpoint(survivor, session, incident, receiver.kind)
                    for incident in _one_in_each(settings.partitions)
                ]
                return [await _round(settings, session, endpoints) for _ in range(ROUNDS)]


def _one_in_each(partitions: int) -> list[IncidentId]:
    """Incidents, one in each partition."""
    found: dict[int, IncidentId] = {}
    while len(found) < partitions:
        incident = IncidentId(str(uuid4()))
        found[partition_of(incident, partitions)] = incident
    return [*found.values()]


async def _round(
    settings: Settings, session: aiohttp.ClientSession, endpoints: Sequence[str]
) -> float:
    """Seconds from the kill of another process until all stages have started in this one."""
    async with _another(settings) as process:
        await _shares(process, session)
        began = time.perf_counter()
        os.kill(process.pid, signal.SIGKILL)
        ids = {uuid4(): url for url in endpoints}
        await asyncio.gather(*(push(session, url, id) for id, url in ids.items()))
        async with asyncio.timeout(_WITHIN):
            while not STARTED.keys() >= ids.keys():
                await asyncio.sleep(0.01)
        return max(STARTED[id] for id in ids) - began


@asynccontextmanager
async def _another(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that runs all parts as this one does."""
    environment = {
        "VESTEC_DATA": settings.data / "another",
        "VESTEC_LOG": settings.log,
        "VESTEC_DATABASE": settings.database,
        "VESTEC_BLOBS": settings.blobs,
        "VESTEC_LEASE": settings.lease,
        "VESTEC_WORKFLOWS": settings.workflows,
        "VESTEC_LOG_LEVEL": "error",
    }
    vestec = Path(sys.executable).with_name("vestec")
    process = await asyncio.create_subprocess_exec(
        *(str(vestec), "run", *sorted(ALL), "--port", "0", "--json"),
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _shares(process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
    """Return when it has its share of the partitions, and is ready to decide there."""
    assert process.stdout
    async with asyncio.timeout(_WITHIN):
        url = json.loads(await process.stdout.readline())["url"]
        while True:
            async with session.get(f"{url}/health") as answer:
                parts = (await answer.json())["parts"]
            if all(parts[context]["owns"] and parts[context]["since"] for context in _SHARED):
                return
            await asyncio.sleep(0.1)
