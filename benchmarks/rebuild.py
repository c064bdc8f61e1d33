"""Rebuilding: how soon a whole system is ready that has nothing but the log.

The log holds the lives of many incidents. A process that runs everything finds an empty PostgreSQL:
all managers fold their partitions, all read models are made anew. Then it is stopped and started
again, with read models and the managers' snapshots as they are.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from benchmarks.engines import urls
from benchmarks.history import write_history
from benchmarks.result import Result
from deploy.engines import open_log
from deploy.settings import Settings
from deploy.system import running_system
from events.values import Context

EVENTS = 100_000
_WITHIN = 3600.0
_LOOK_EVERY = 0.5


async def run(engine: str, events: int = EVENTS) -> Result:
    """Events/s from the start of the process until all is at the log's end; and when, again."""
    if engine == "memory":
        raise SystemExit("read models live in PostgreSQL: use --engine postgres, kafka or a URL")
    with TemporaryDirectory(prefix="vestec-") as folder:
        async with urls(engine) as (log, database):
            settings = Settings(
                data=Path(folder, "data"),
                log=log,
                database=database,
                blobs=f"file://{folder}/blobs",
                port=0,
            )
            events = await _fill(log, settings.partitions, events, Path(folder, "lived"))
            cold = await _start(settings)
            warm = await _start(settings)
    details = {
        "events": events,
        "managers_ready_s": round(cold.managers, 1),
        "ready_s": round(cold.everything, 1),
        "again_managers_ready_s": round(warm.managers, 1),
        "again_ready_s": round(warm.everything, 1),
    }
    return Result(round(events / cold.everything), "events/s", details=details)


async def _fill(url: str, partitions: int, events: int, folder: Path) -> int:
    log = await open_log(url)
    try:
        return await write_history(log, partitions, events, folder)
    finally:
        await log.close()


@dataclass
class _Ready:
    """Seconds after the start."""

    managers: float = 0.0
    everything: float = 0.0


async def _start(settings: Settings) -> _Ready:
    began, ready = time.perf_counter(), _Ready()
    async with running_system(settings) as system, aiohttp.ClientSession() as session:
        async with asyncio.timeout(_WITHIN):
            while not ready.everything:
                await asyncio.sleep(_LOOK_EVERY)
                async with session.get(f"{system.url}/health") as answer:
                    if answer.status != 200:
                        continue
                    health = await answer.json()
                now = time.perf_counter() - began
                managers = [health["parts"][context] for context in Context]
                if not ready.managers and all(one["since"] for one in managers):
                    ready.managers = now
                behind = sum(one["lag_records"] for one in health["projections"].values())
                if ready.managers and not behind:
                    ready.everything = now
    return ready
