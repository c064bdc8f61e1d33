"""Simulations, machines and what is done on them: real managers and hands on a troubled machine."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

from obstore.store import MemoryStore

from bus import START, HybridClock, Log, MemoryLog
from bus.epochs import counted
from events import simulations as s
from events.envelope import Commit, Issued, commands_topic, decode, encode_issued, events_topic
from events.jobs import (
    JobId,
    JobReport,
    JobRequest,
    JobState,
    Part,
    RelativePath,
    Template,
    Token,
    token_of,
)
from events.machines import FLEET, AddMachine, EnableMachine, MachineLoad, MachineSettings
from events.simulations import Resources, SimulationRequest
from events.values import Command, Context, Event, IncidentId, Urgency
from interfaces.machines.connection import NoRoom
from interfaces.machines.dialect import InDoubt, Refused, Submitted
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem, WallClock
from interfaces.machines.simulated.fates import Fate, Planned
from interfaces.machines.site import Host
from interfaces.machines.work.hands import Fetching, MachineHands
from interfaces.machines.work.look_out import Agents, no_agents
from interfaces.machines.work.machine import Connect, Manners
from managers.blobs import BlobStore
from managers.everyone import declare_topics
from managers.machines import machine_manager
from managers.operations import operations_manager
from managers.runtime import Service, Surroundings
from managers.simulations import simulation_manager
from tests.patience import PATIENCE

E = TypeVar("E", bound=Event)
T = TypeVar("T")

FIRE = IncidentId("fire")
FETCHING = Fetching(limit=1000, deadline=0.5)
_WORK = f"{Context.OPERATIONS}.work/"
QUICK = Manners(look=0.01, ask=0.03, retry=(0.01, 0.05))


class Hastened(WallClock):
    """The computer's own, which a test may set forward."""

    ahead = 0.0
    """Seconds."""

    def now(self) -> float:
        return super().now() + self.ahead


class TroubledSystem(SimulatedBatchSystem):
    """A simulated machine that fails where a test says so, and counts what it is asked."""

    def __init__(self, by_executable: Mapping[str, Fate]) -> None:
        left = {"map": b"a map", "film": bytes(1001)}
        self.clock = Hastened()
        super().__init__(
            Planned(by_executable, Fate(run=0.05)),
            clock=self.clock,
            results=lambda request, inputs: left,
        )
        self.troubles: dict[str, Exception] = {}
        """By the name of the method that raises it."""
        self.blips: dict[str, list[Exception]] = {}
        """The same, each raised once."""
        self.silent: dict[Token, JobReport | None] = {}
        """Jobs of which the witnesses say this, or (None) nothing."""
        self.asks_accounts = True
        """Whether whoever looks wants to know of vanished jobs, too."""
        self.deaf = False
        """Whether it takes cancellations without doing anything."""
        self.full = ""
        """Why nothing can be written on it."""
        self.slow = 0.0
        """Seconds for which its scheduler keeps an answer to itself."""
        self.hangs: set[str] = set()
        """Methods that never return."""
        self.swept = False
        """Whether the folders of jobs are gone."""
        self.stuck = False
        """Whether reading a file never ends."""
        self.asked: Counter[str] = Counter()
        self.turned_down: dict[str, Refused] = {}
        """What it says to jobs that ask for a QoS of that name."""
        self.qos: list[str] = []
        """What jobs asked for, one submission after the other."""

    async def _meet(self, method: str) -> None:
        self.asked[method] += 1
        if method in self.hangs:
            await asyncio.Event().wait()
        if blips := self.blips.get(method):
            raise blips.pop()
        if trouble := self.troubles.get(method):
            raise trouble

    async def prepare(
        self,
        token: Token,
        inputs: Mapping[RelativePath, AsyncIterable[bytes]],
        template: Template = "",
        *,
        again: bool = False,
    ) -> None:
        await self._meet("prepare")
        if again and self.swept:
            raise InDoubt(f"the folder of {token} is gone", 0.5)
        if self.full:
            raise NoRoom(f"cannot write {token}: {self.full}")
        await super().prepare(token, inputs, template, again=again)

    async def submit(self, request: JobRequest, submission: int) -> Submitted | Refused:
        await self._meet("submit")
        self.qos.append(request.options.qos)
        if refused := self.turned_down.get(request.options.qos):
            return refused
        return await super().submit(request, submission)

    async def observe(
        self, parts: Collection[Part], *, ask_scheduler: bool = False
    ) -> list[JobReport]:
        self.asked["look"] += 1
        if ask_scheduler:
            await self._meet("ask")
        self.asks_accounts = False
        try:
            seen = await super().observe(parts, ask_scheduler=ask_scheduler)
        finally:
            self.asks_accounts = True
        await asyncio.sleep(self.slow if ask_scheduler else 0)
        return seen

    async def find(self, parts: Collection[Part]) -> Mapping[Part, JobReport]:
        found = {**await super().find(parts)}
        if self.silent.keys() & {*parts} and self.asks_accounts:
            await self._meet("accounts")
        for token in self.silent.keys() & {*parts}:
            found.pop(token, None)
            if said := self.silent[token]:
                found[token] = said
        return found

    async def cancel(self, token: Token, job_id: JobId | None = None) -> None:
        await self._meet("cancel")
        if not self.deaf:
            await super().cancel(token, job_id)
        if self.full:
            raise NoRoom(f"cannot write {token}: {self.full}")

    async def hold(self, token: Token) -> None:
        await self._meet("hold")
        await super().hold(token)

    async def fetch(self, token: Token, name: RelativePath, limit: int) -> AsyncIterator[bytes]:
        await self._meet("fetch")
        async for chunk in super().fetch(token, name, limit):
            yield chunk

    async def host(self) -> Host:
        await self._meet("host")
        return Host(full=self.full)

    async def load(self) -> MachineLoad:
        await self._meet("load")
        return await super().load()


@dataclass(kw_only=True)
class AnySite:
    """What runs, and what tests ask of it."""

    settings: MachineSettings = MachineSettings(
        name="m", base_directory="/m", nodes=100, cores_per_node=100
    )
    log: Log = field(default_factory=MemoryLog)
    blobs: BlobStore = field(default_factory=lambda: BlobStore(MemoryStore()))
    clock: HybridClock = field(default_factory=lambda: HybridClock(time.time))
    services: list[Service[Any, Any]] = field(default_factory=list)
    connected: int = 0
    """How often somebody connected to the machine."""

    async def issue(
        self, context: Context, key: str, command: Command, actor: str = "test"
    ) -> UUID:
        """Give a command, as a person or a stage would; the id of its chain."""
        id = uuid4()
        issued = Issued(id=id, time=self.clock.now(), actor=actor, correlation=id, command=command)
        await self.log.append(commands_topic(context), 0, [encode_issued(key, issued)])
        return id

    async def create(self, executable: str = "true", **more: Any) -> UUID:
        """Create a simulation and wait until it has its machine."""
        simulation = await self.wish(executable, **more)
        await self.until(lambda: self.of(s.SimulationPlaced, simulation))
        return simulation

    async def wish(
        self,
        executable: str = "true",
        urgency: Urgency = Urgency.ROUTINE,
        instances: int = 1,
        **more: Any,
    ) -> UUID:
        """Create a simulation."""
        simulation = uuid4()
        needs = {"resources": Resources(walltime=60, instances=instances), **more}
        request = SimulationRequest(kind="test", executable=executable, **needs)
        create = s.CreateSimulation(
            simulation=simulation, incident=FIRE, request=request, urgency=urgency
        )
        await self.issue(Context.SIMULATIONS, FIRE, create)
        return simulation

    async def submit(self, executable: str = "true", **more: Any) -> UUID:
        """Create a simulation and submit it."""
        simulation = await self.create(executable, **more)
        await self.submit_created(simulation)
        return simulation

    async def submit_created(self, simulation: UUID) -> UUID:
        """Submit a simulation; the id of the chain that follows from it."""
        submit = s.SubmitSimulation(simulation=simulation)
        return await self.issue(Context.SIMULATIONS, FIRE, submit)

    async def reach(self, simulation: UUID, state: JobState) -> s.SimulationStateChanged:
        """Wait until a simulation reaches a state."""
        return (await self.until(lambda: self.reached(simulation, state)))[-1]

    async def reached(self, simulation: UUID, state: JobState) -> list[s.SimulationStateChanged]:
        """How often it was in a state."""
        changes = await self.of(s.SimulationStateChanged, simulation)
        return [change for change in changes if change.state == state]

    async def until(self, condition: Callable[[], Awaitable[list[T]]]) -> list[T]:
        """Wait for what tests wait for, mostly events; no manager may have stopped meanwhile."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await condition()):
                assert not [broken for one in self.services for broken in one.broken.values()]
                await asyncio.sleep(0.005)
        return found

    async def commits(self, context: Context) -> list[Commit]:
        """What counts in a context."""
        records = await self.log.read(events_topic(context), 0, 0, limit=1_000_000)
        return [decode(stored.record) for stored, _, counts in counted(START, records) if counts]

    async def events(self, type: type[E]) -> list[E]:
        """All events of a type."""
        contexts = (Context.SIMULATIONS, Context.MACHINES, Context.OPERATIONS)
        commits = [commit for context in contexts for commit in await self.commits(context)]
        return [event for commit in commits for event in commit.events if isinstance(event, type)]

    async def of(self, type: type[E], simulation: UUID) -> list[E]:
        """Those of them that are about a simulation or its job."""
        return [event for event in await self.events(type) if is_about(event, simulation)]


@dataclass(kw_only=True)
class Site(AnySite):
    """One with a troubled machine."""

    machine: TroubledSystem

    async def looks(self, number: int = 5, what: str = "ask") -> None:
        """Wait until the machine's scheduler was asked so often; or its jobs were looked at."""
        before = self.machine.asked[what]
        async with asyncio.timeout(PATIENCE):
            while self.machine.asked[what] < before + number:
                await asyncio.sleep(0.005)


def is_about(event: Event, simulation: UUID) -> bool:
    """Whether an event says something of a simulation or its job."""
    says = getattr(event, "report", event)
    subjects = (getattr(says, "token", None), getattr(event, "simulation", None))
    return simulation in subjects or token_of(simulation) in subjects


@asynccontextmanager
async def open_site(manners: Manners = QUICK, /, **fates: Fate) -> AsyncIterator[Site]:
    """A site with one machine, while the context lasts."""
    site = Site(machine=TroubledSystem(fates))

    def connect(*_: object) -> TroubledSystem:
        site.connected += 1
        return site.machine

    async with working(site, connect, manners):
        yield site


@asynccontextmanager
async def working(
    site: AnySite, connect: Connect, manners: Manners, agents: Agents = no_agents
) -> AsyncIterator[MachineHands]:
    """Let managers and hands work, while the context lasts; again: as after a restart."""
    site.services.clear()
    await declare_topics(site.log, partitions=1)
    around = Surroundings(site.log, site.clock, time.time, random.Random(1))
    looking_out = (random.Random(1), agents, 0.01)
    hands = MachineHands(site.blobs, connect, lambda _: manners, FETCHING, *looking_out)
    for manager in (simulation_manager(), machine_manager(), operations_manager(hands.begin)):
        site.services.append(Service(manager, around))
    tasks = [asyncio.create_task(service.run()) for service in site.services]
    await site.issue(Context.MACHINES, FLEET, AddMachine(settings=site.settings))
    await site.issue(Context.MACHINES, FLEET, EnableMachine(name="m"))
    try:
        yield hands
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        works = [one for one in asyncio.all_tasks() if one.get_name().startswith(_WORK)]
        if works:  # they were stopped, and end what they had begun
            await asyncio.wait(works, timeout=PATIENCE)
