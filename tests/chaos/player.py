"""Plays the drill on a system of its own; played again, it goes on with the same incident."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn
from uuid import UUID, uuid4, uuid5

import aiohttp
import structlog
import uvloop
from pydantic import BaseModel

from bus import LogUnavailable
from deploy.parts import Part
from deploy.settings import Settings
from deploy.storage import open_storage
from deploy.system import System, running_parts, running_system
from events.incidents import ActivateIncident, CreateIncident, IncidentStatus
from events.jobs import JobState, Token, token_of
from events.machines import FLEET, AddMachine, EnableMachine, MachineSettings
from events.values import Command, Context, IncidentId
from interfaces.issuing import Write, issue
from projections.data_sets import list_data_sets
from projections.database import UNAVAILABLE
from projections.incidents import find_incident
from projections.journal import read_journal
from projections.machines import list_machines
from projections.simulations import list_simulations
from projections.stages import RunStatus, list_stage_runs
from projections.status import status
from tests.patience import PATIENCE

NAMES = UUID("0b8e9a54-3f0b-4d7e-9a55-0f5f4d1c9a11")
INCIDENT = str(uuid5(NAMES, "incident"))
BURSTS = (("1", "2 3"), ("4",))
NUMBERS = 4

Condition = Callable[[], Awaitable[bool]]


class Told(BaseModel):
    """What came of the incident."""

    status: IncidentStatus
    data_sets: list[tuple[str, str]]
    """Names and digests, sorted."""
    simulations: dict[Token, JobState]
    cleaned_up: int
    """How often the last stage says that it ran."""


class Player:
    """The drill on a running system."""

    def __init__(self, system: System, witness: Path) -> None:
        self._system, self._witness = system, witness
        self._pool = system.storage.pool

    async def play(self) -> Told:
        await self._set_up()
        for burst in BURSTS:
            if burst is not BURSTS[0]:
                await self._until("more may come", self._released)
            await asyncio.gather(*(self._push("readings", text) for text in burst))
            await self._until("a burst becomes simulations", self._read(burst))
        await self._push("finish", str(NUMBERS))
        await self._until("the incident is over", self._over)
        await self._until("all jobs are over", self._all_jobs_over)
        await self.until_all_is_taken_in()
        return await self._told()

    async def until_all_is_taken_in(self) -> None:
        await self._until("read models have taken in all of it", self._all_taken_in)

    async def _set_up(self) -> None:
        folder = self._witness.with_name("machine")
        machine = MachineSettings(name="here", base_directory=str(folder), slots=3)
        if not await list_machines(self._pool):
            await self._issue(Context.MACHINES, FLEET, AddMachine(settings=machine))
        await self._issue(Context.MACHINES, FLEET, EnableMachine(name="here"))
        await self._until("the machine is enabled", self._enabled)
        found = await find_incident(self._pool, INCIDENT)
        if found is None:
            create = CreateIncident(
                incident=IncidentId(INCIDENT),
                kind="drill",
                name="Drill",
                parameters={"witness": str(self._witness)},
            )
            await self._issue(Context.INCIDENTS, INCIDENT, create)
        if found is None or found.status == IncidentStatus.PENDING:
            await self._issue(Context.INCIDENTS, INCIDENT, ActivateIncident())
        await self._until("the first stage is over", self._started)

    async def _enabled(self) -> bool:
        return any(machine.enabled for machine in await list_machines(self._pool))

    async def _started(self) -> bool:
        runs = await list_stage_runs(self._pool, INCIDENT)
        return any(run.stage == "start" and run.status == RunStatus.COMPLETED for run in runs)

    def _read(self, burst: tuple[str, ...]) -> Condition:
        ids = {_push_id("readings", text) for text in burst}

        async def read() -> bool:
            runs = await list_stage_runs(self._pool, INCIDENT)
            done = {id for r in runs if r.status == RunStatus.COMPLETED for id in r.arrivals}
            return ids <= done

        return read

    async def _released(self) -> bool:
        return not hold_of(self._witness).exists()

    async def _over(self) -> bool:
        found = await find_incident(self._pool, INCIDENT)
        return found is not None and found.status == IncidentStatus.COMPLETE

    async def _all_jobs_over(self) -> bool:
        return all(one.state.ended for one in await list_simulations(self._pool, INCIDENT))

    async def _all_taken_in(self) -> bool:
        partitions = await status(self._pool, self._system.storage.log, time.time)
        return not any(partition.lag_records for partition in partitions)

    async def _until(self, what: str, condition: Condition) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await self._holds(condition):
            if time.monotonic() > deadline:
                raise SystemExit(f"after {PATIENCE:g} s still not so: {what}")
            await asyncio.sleep(0.05)

    async def _holds(self, condition: Condition) -> bool:
        """Nothing does while the database is away. Raises `SystemExit` when a stage failed."""
        try:
            for run in await list_stage_runs(self._pool, INCIDENT):
                if run.status == RunStatus.FAILED:
                    raise SystemExit(f"stage {run.stage} failed: {run.error}")
            return await condition()
        except UNAVAILABLE:
            return False

    async def _push(self, endpoint: str, text: str) -> None:
        """Until it is taken: the endpoint may be about to open, the storage may be away."""
        headers = {"Idempotency-Key": str(_push_id(endpoint, text))}
        url = f"{self._system.url}/EDI/{endpoint}{INCIDENT}"

        async def taken() -> bool:
            try:
                async with session.post(url, data=text, headers=headers) as answer:
                    status, said = answer.status, await answer.text()
            except aiohttp.ClientError:
                return False
            if status not in (202, 404, 503):
                raise SystemExit(f"{url} answered {status}: {said}")
            return status == 202 or await self._over()

        async with aiohttp.ClientSession() as session:
            await self._until(f"{endpoint} takes data", taken)

    async def _issue(self, context: Context, key: str, command: Command) -> None:
        storage, write = self._system.storage, Write(uuid4(), context, key, command)
        await issue(storage.log, storage.clock, write, "drill")

    async def _told(self) -> Told:
        found = await find_incident(self._pool, INCIDENT)
        assert found
        simulations = await list_simulations(self._pool, INCIDENT)
        data_sets = await list_data_sets(self._pool, INCIDENT)
        journal = await read_journal(self._pool, INCIDENT)
        return Told(
            status=found.status,
            data_sets=sorted((one.name, one.sha256) for one in data_sets),
            simulations={token_of(one.id): one.state for one in simulations},
            cleaned_up=sum(entry.text == "cleaned up" for entry in journal),
        )


def hold_of(witness: Path) -> Path:
    """The file that keeps the player from pushing a second burst, as long as there is one."""
    return witness.with_name("hold")


def _push_id(endpoint: str, text: str) -> UUID:
    """The same each time, so that a push that is repeated arrives once."""
    return uuid5(NAMES, f"{endpoint} {text}")


def play(data: Path, witness: Path) -> Told:
    """Play the drill on a system in `data`, from wherever it was left."""

    async def main() -> Told:
        async with running_system(Settings(data=data, port=0)) as system:
            return await Player(system, witness).play()

    _log_warnings()
    return uvloop.run(main())


def play_elsewhere(data: Path, witness: Path, url: str) -> Told:
    """Play it on parts that run elsewhere and take pushes at `url`."""

    async def main() -> Told:
        async with open_storage(Settings(data=data)) as storage:
            return await Player(System(url, storage), witness).play()

    _log_warnings()
    return uvloop.run(main())


def serve(data: Path) -> NoReturn:
    """Only run a system in `data`; its address lies there."""

    async def main() -> NoReturn:
        async with running_system(Settings(data=data, port=0)):
            await asyncio.Event().wait()
        raise AssertionError("it serves until it is killed")

    _log_warnings()
    uvloop.run(main())


def serve_parts(parts: frozenset[Part], data: Path, port: int) -> NoReturn:
    """Only run some parts of a system; a start that its servers are too busy for is tried again."""
    started = False

    async def main() -> NoReturn:
        nonlocal started
        async with running_parts(parts, Settings(data=data, port=port)):
            started = True
            await asyncio.Event().wait()
        raise AssertionError("they serve until they are killed")

    _log_warnings()
    while True:
        try:
            uvloop.run(main())
        except LogUnavailable:
            if started:
                raise


def _log_warnings() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
