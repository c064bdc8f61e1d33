"""Managers and hands that run jobs on a real Slurm over SSH; no read models. It needs root."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from benchmarks.engines import open_log
from bus.cache import CachedLog
from bus.epochs import START, Position, counted
from events.envelope import decode, events_topic
from events.jobs import JobOptions
from events.machines import MachineSettings
from events.operations import SubmissionConfirmed
from events.simulations import SimulationPlaced
from events.values import Context, Event
from interfaces.machines.registry import connect
from interfaces.machines.work.hands import MachineHands
from interfaces.machines.work.machine import Manners
from tests.account import open_folder
from tests.interfaces.machines.hands_site import AnySite, working
from tests.namespace import ServerMissing
from tests.slurm import Slurm, running_slurm
from tests.sshd import Sshd

E = TypeVar("E", bound=Event)

HELD = JobOptions(hold=True)
"""Of jobs that are only to be there: they would share the computer with what is measured."""


@dataclass
class Jobs:
    """What runs, and what has happened there."""

    slurm: Slurm
    server: Sshd
    site: AnySite
    hands: MachineHands
    _read: dict[Context, Position] = field(default_factory=dict)

    async def create(self, count: int, executable: str, **more: Any) -> list[UUID]:
        """So many simulations, each with a machine."""
        made = [await self.site.wish(executable, **more) for _ in range(count)]
        await self.until(Context.SIMULATIONS, SimulationPlaced, count)
        return made

    async def submit(self, simulations: Sequence[UUID]) -> None:
        """Returns when Slurm has taken them all, and the log knows."""
        for simulation in simulations:
            await self.site.submit_created(simulation)
        await self.until(Context.OPERATIONS, SubmissionConfirmed, len(simulations))

    async def until(self, context: Context, type: type[E], count: int) -> None:
        while count > 0:
            count -= len([event for event in await self.news(context) if isinstance(event, type)])

    async def news(self, context: Context) -> list[Event]:
        """What has happened since this was last asked; waits a little if it is nothing."""
        position = self._read.get(context, START)
        records = await self.site.log.read(events_topic(context), 0, position.offset)
        if not records:
            await asyncio.sleep(0.01)
        found = list[Event]()
        for stored, self._read[context], counts in counted(position, records):
            if counts:
                found += decode(stored.record).events
        return found


@asynccontextmanager
async def jobs_on_slurm(engine: str) -> AsyncIterator[Jobs]:
    """As long as the context lasts, without limits of commands."""
    with open_folder("vestec-") as folder:
        try:
            async with running_slurm(folder) as slurm, open_log(engine) as log:
                shell = slurm.login.shell(folder / "shell")
                with Sshd(folder / "sshd", f"ForceCommand {shell}") as server:
                    settings = MachineSettings(
                        name="m",
                        connection="ssh",
                        access=server.access(),
                        dialect="slurm",
                        base_directory=str(slurm.login.folder / "base"),
                        nodes=2,
                        cores_per_node=4,
                    )
                    site = AnySite(settings=settings, log=CachedLog(log))
                    async with working(site, connect, Manners()) as hands:
                        yield Jobs(slurm, server, site, hands)
        except ServerMissing as missing:
            raise SystemExit(f"there is no Slurm to measure on: {missing}") from None
