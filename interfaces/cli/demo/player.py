"""Plays the story on a running system, from wherever it was left."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
from pydantic import BaseModel, JsonValue

from deploy.system import System
from events import incidents as i
from events.incidents import IncidentStatus
from events.machines import FLEET, AddMachine, EnableMachine, MachineSettings
from events.values import Command, Context, IncidentId
from interfaces.cli.demo.story import NAME, PARAMETERS, Chapter, Push
from interfaces.cli.errors import Complaint
from interfaces.issuing import Write, issue
from managers.files import written
from projections.database import UNAVAILABLE
from projections.incidents import find_incident
from projections.machines import list_machines
from projections.simulations import Simulation, list_simulations
from projections.stages import RunStatus, StageRun, list_stage_runs
from workflows.wildfire.model import PYTHON_VARIABLE, model_python

MACHINE = "local"
_LOOK = 0.2
_OVER = (IncidentStatus.COMPLETE, IncidentStatus.CANCELLED, IncidentStatus.ARCHIVED)
_OPEN = (RunStatus.WAITING, RunStatus.RUNNING)


class DemoFailed(Complaint):
    """The story could not be played to its end; the sentence says what to look at."""


class Player:
    """Plays one incident of the demonstration on a system."""

    def __init__(
        self,
        system: System,
        incident: str,
        within: float,
        parameters: Mapping[str, JsonValue] = PARAMETERS,
    ) -> None:
        """`within`: seconds that one chapter may take."""
        self.system, self.incident, self._within = system, incident, within
        self._parameters = parameters
        self._pool = system.storage.pool

    async def set_up(self) -> None:
        """This computer as a machine, and the incident, if they are not there yet."""
        settings = local_machine(self.system.storage.settings.data)
        known = {machine.name: machine.enabled for machine in await list_machines(self._pool)}
        if MACHINE not in known:
            await self._issue(Context.MACHINES, FLEET, AddMachine(settings=settings))
        if not known.get(MACHINE):
            await self._issue(Context.MACHINES, FLEET, EnableMachine(name=MACHINE))
        await self.begin()

    async def begin(self) -> None:
        """The incident, if it is not there yet."""
        if await find_incident(self._pool, self.incident) is None:
            create = i.CreateIncident(
                incident=IncidentId(self.incident),
                kind="wildfire",
                name=NAME,
                parameters=dict(self._parameters),
                exercise=True,
            )
            await self._issue(Context.INCIDENTS, self.incident, create)
        await self.until("the incident is created", self._created)
        found = await find_incident(self._pool, self.incident)
        if found and found.status == IncidentStatus.PENDING:
            await self._issue(Context.INCIDENTS, self.incident, i.ActivateIncident())
        await self.until("the workflow has opened its endpoints", self._at_rest)

    async def play(self, chapter: Chapter) -> None:
        """Push what the chapter brings, and wait until everything it caused is over."""
        if await self.over():
            return
        async with aiohttp.ClientSession() as session:
            pushing = [self._push(session, push) for push in chapter.pushes]
            await asyncio.gather(*pushing)
        arrived = {push.id(self.incident) for push in chapter.pushes}
        await self.until(chapter.title, lambda: self._dealt_with(arrived))

    async def over(self) -> bool:
        found = await find_incident(self._pool, self.incident)
        return found is not None and found.status in _OVER

    async def runs(self) -> list[StageRun]:
        return await list_stage_runs(self._pool, self.incident)

    async def simulations(self) -> list[Simulation]:
        return await list_simulations(self._pool, self.incident)

    async def until(self, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for a condition of the read models, which may be away; raises `DemoFailed`."""
        deadline = time.monotonic() + self._within
        while True:
            with suppress(*UNAVAILABLE):
                if await condition():
                    return
                failed = [run for run in await self.runs() if run.status == RunStatus.FAILED]
                if failed:
                    raise DemoFailed(f"stage {failed[0].stage} failed: {failed[0].error}")
            if time.monotonic() > deadline:
                raise DemoFailed(f"after {self._within:g} s still not so: {what}")
            await asyncio.sleep(_LOOK)

    async def _created(self) -> bool:
        return await find_incident(self._pool, self.incident) is not None

    async def _at_rest(self) -> bool:
        runs = await self.runs()
        return bool(runs) and not any(run.status in _OPEN for run in runs)

    async def _dealt_with(self, arrived: set[UUID]) -> bool:
        """All of it went into runs of stages, and nothing is under way any more."""
        if await self.over():
            return True
        runs = await self.runs()
        seen = {arrival for run in runs for arrival in run.arrivals}
        return arrived <= seen and not any(run.status in _OPEN for run in runs)

    async def _push(self, session: aiohttp.ClientSession, push: Push) -> None:
        url = f"{self.system.url}/EDI/{push.endpoint}{self.incident}"
        headers = {"Idempotency-Key": str(push.id(self.incident))}

        async def taken() -> bool:
            async with session.post(url, data=push.content, headers=headers) as response:
                if response.status not in (202, 404, 503):
                    raise DemoFailed(f"{url} answered {response.status}: {await response.text()}")
                return response.status == 202 or await self.over()

        await self.until(f"{push.endpoint} takes data", taken)

    async def _issue(self, context: Context, key: str, command: Command) -> None:
        storage = self.system.storage
        await issue(storage.log, storage.clock, Write(uuid4(), context, key, command), "demo")


def local_machine(data: Path) -> MachineSettings:
    """This computer as a machine: as many jobs at once as two processes each leave room for."""
    cores = os.cpu_count() or 1
    return MachineSettings(
        name=MACHINE,
        connection="local",
        dialect="processes",
        base_directory=str((data / "machines" / MACHINE).absolute()),
        nodes=1,
        cores_per_node=max(cores, 2),
        slots=max(cores // 2, 1),
        environment={PYTHON_VARIABLE: model_python()},
    )


class Progress(BaseModel):
    """Which demonstration of a folder is being played, or was shown last."""

    count: int = 1
    shown: bool = False


def load_progress(data: Path) -> Progress:
    """Go on with the one that was interrupted, else begin the next."""
    file = data / "demo.json"
    kept = Progress.model_validate_json(file.read_bytes()) if file.exists() else Progress()
    return Progress(count=kept.count + 1) if kept.shown else kept


def save_progress(data: Path, progress: Progress) -> None:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with written(data / "demo.json") as file:
        file.write(progress.model_dump_json().encode())
