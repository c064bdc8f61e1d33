"""A process of the model, which runs both managers, and can be stopped, killed and misled."""

import asyncio
from contextvars import copy_context
from dataclasses import dataclass
from random import Random

from bus import HybridClock, MemoryLog
from events.envelope import events_topic
from managers.runtime import Service, Surroundings
from tests.simulation.checks import Ledger
from tests.simulation.faults import Belief, FaultyLog, KeptSnapshots, Weather
from tests.simulation.hands import Hands, manager
from tests.simulation.toys import OTHER, Desk, Labour
from tests.simulation.virtual import PROCESS, Process, VirtualLoop

EPOCH = 1_800_000_000.0
"""The wall clock at the start, in seconds."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all processes of a seed have in common."""

    loop: VirtualLoop
    chance: Random
    log: MemoryLog
    weather: Weather
    snapshots: KeptSnapshots
    ledger: Ledger


class Site:
    """A process that runs both managers."""

    def __init__(self, name: str, shared: Shared) -> None:
        self.name, self._shared, self._loop = name, shared, shared.loop
        self.process = Process(self._loop)
        self.beliefs = {events_topic(context): Belief() for context in OTHER}
        self._services: list[Service[Desk, Labour]] = []
        self._skew = shared.chance.uniform(-0.2, 0.2)
        self._task: asyncio.Task[None] | None = None
        self._snapshot_every = shared.chance.choice((3, 10, 1000))
        self._trim_every = shared.chance.choice((1, 3, 1000))
        self._backoff = shared.chance.choice(((0.05, 2.0), (0.5, 3.0), (0.5, 3.0)))
        self._batch = shared.chance.choice((1, 3, 500))

    def start(self) -> None:
        """Unless it runs."""
        if self._task is None or self._task.done():
            context = copy_context()
            context.run(PROCESS.set, self.process)
            self._task = self._loop.create_task(self._run(), context=context)

    def kill(self, down: float) -> None:
        """It is started again some seconds after its death."""
        if self._task and not self._task.done():
            self._task.add_done_callback(lambda _: self._loop.call_later(down, self.start))
        self._end_now()

    async def end(self) -> None:
        self._end_now()
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    def _end_now(self) -> None:
        self.process.go_on()
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        shared = self._shared
        around = Surroundings(
            log=FaultyLog(self.name, shared.log, shared.weather, self.beliefs),
            clock=HybridClock(self._wall),
            wall=self._wall,
            chance=shared.chance,
            snapshots=shared.snapshots,
            append_deadline=shared.weather.deadline,
            backoff=self._backoff,
            batch=self._batch,
            snapshot_every=self._snapshot_every,
            trim_every=self._trim_every,
        )
        hands = Hands(shared.chance, shared.ledger)
        self._services = [Service(manager(context, hands), around) for context in OTHER]
        async with asyncio.TaskGroup() as group:
            for service in self._services:
                group.create_task(service.run())

    @property
    def failures(self) -> list[str]:
        """Partitions that were given up, and what ended the process by itself."""
        ended = self._task and self._task.done() and not self._task.cancelled()
        broken = [text for service in self._services for text in service.broken.values()]
        return [*broken, *([repr(self._task)] if ended else [])]

    def _wall(self) -> float:
        return EPOCH + self._skew + self._loop.time()
