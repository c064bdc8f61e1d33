"""One seed: processes that run the managers, orders from outside, and everything that goes wrong.

First come the faults, those that this seed draws, then calm: then all must be done soon.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from random import Random
from uuid import UUID

from bus import HybridClock, MemoryLog, partition_of
from bus.clock import timestamp
from events.envelope import Issued, commands_topic, encode_issued, events_topic
from events.values import Context
from managers.runtime import Service, Surroundings
from tests.simulation.checks import Ledger, Place, Violation
from tests.simulation.faults import Belief, Fate, FaultyLog, KeptSnapshots, Weather, at_once
from tests.simulation.toys import KEYS, OTHER, Desk, Hands, Labour, ends, manager, order
from tests.simulation.virtual import PROCESS, Process, VirtualLoop

Trace = Callable[[str], None]

PARTITIONS = 2
FAULTS_END = 5.0
"""Seconds after which nothing new goes wrong."""
PATIENCE = 60.0
"""Seconds after that, within which all must be done."""
EPOCH = 1_800_000_000.0
"""The wall clock at the start, in seconds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed was like."""

    steps: int
    counted: int
    dead: int
    seconds: float


def simulate(seed: int, trace: Trace | None = None) -> Outcome:
    """Run one seed; raises `Violation`."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        world = World(Random(seed), loop, trace)
        return runner.run(world.run())


class World:
    """All that exists in one seed."""

    def __init__(self, chance: Random, loop: VirtualLoop, trace: Trace | None) -> None:
        self.chance, self.loop = chance, loop
        self._trace = trace and (lambda text: trace(f"{loop.time():8.3f} {text}"))
        self.log = MemoryLog()
        self.weather = self._draw_weather()
        self.snapshots = KeptSnapshots(self.weather, loss=chance.choice((0.0, 0.3)))
        self.issued: dict[Place, list[UUID]] = {
            (context, partition): [] for context in OTHER for partition in range(PARTITIONS)
        }
        self.ledger = Ledger(self.log, PARTITIONS, self.issued, loop.fail)
        self._sites = [Site(name, self) for name in "ABC"[: chance.choice((2, 2, 3))]]
        self._expected: set[tuple[str, str]] = set()
        self._strikes = chance.sample(
            (self._stop_one, self._kill_one, self._believe), chance.randint(0, 3)
        )
        self._pace = chance.choice((20, 100, 400))

    async def run(self) -> Outcome:
        for context in OTHER:
            await self.log.declare(commands_topic(context), PARTITIONS)
            await self.log.declare(events_topic(context), PARTITIONS)
        self._place_orders()
        self._agree()
        if self.chance.random() < 0.5:
            self._believe()
        for site in self._sites:
            site.start()
        self._strike_later()
        try:
            await asyncio.sleep(FAULTS_END)
            self._calm()
            await self._all_done()
        finally:
            for site in self._sites:
                await site.end()
        self._check()
        ledger = self.ledger
        return Outcome(self.loop.steps, ledger.counts, ledger.dead, self.loop.time())

    def tell(self, text: str) -> None:
        if self._trace:
            self._trace(text)

    # What goes wrong.

    def _draw_weather(self) -> Weather:
        chance = self.chance
        bad = chance.sample([fate for fate in Fate if fate != Fate.PROMPT], chance.randint(0, 4))
        fates = {Fate.PROMPT: chance.choice((2.0, 5.0, 20.0)) * len(bad) + 1}
        fates.update(dict.fromkeys(bad, 1.0))
        reads = (0.0, 0.0, 0.1)
        return Weather(
            chance,
            fates,
            deadline=1.0,
            read_delay=chance.choice(reads),
            read_short=chance.choice(reads),
            read_failed=chance.choice((0.0, 0.0, 0.01)),
            trace=self._trace,
        )

    def _strike_later(self) -> None:
        """The next fault comes after some steps, or after some time."""
        if self._strikes and self.loop.time() < FAULTS_END:
            if self.chance.random() < 0.7:
                self.loop.strike_in(self.chance.randint(1, 2 * self._pace), self._strike)
            else:
                self.loop.call_later(self.chance.expovariate(2), self._strike)

    def _strike(self) -> None:
        if self.loop.time() < FAULTS_END:
            self.chance.choice(self._strikes)()
            self._strike_later()

    def _stop_one(self) -> None:
        site, seconds = self.chance.choice(self._sites), self.chance.expovariate(1)
        self.tell(f"{site.name} stops for {seconds:.3f} s")
        site.process.stop()
        self.loop.call_later(seconds, site.process.go_on)

    def _kill_one(self) -> None:
        site = self.chance.choice(self._sites)
        self.tell(f"{site.name} is killed")
        site.kill(self.chance.expovariate(2))

    def _believe(self) -> None:
        """Somebody believes to own something else now, whatever others believe."""
        site, topic = self.chance.choice(self._sites), events_topic(self.chance.choice([*OTHER]))
        owned = frozenset(n for n in range(PARTITIONS) if self.chance.random() < 0.6)
        self.tell(f"{site.name} believes to own {sorted(owned)} of {topic}")
        site.beliefs[topic].set(owned)

    def _agree(self) -> None:
        """Each partition has one owner."""
        for topic in map(events_topic, OTHER):
            owners = [self.chance.choice(self._sites) for _ in range(PARTITIONS)]
            for site in self._sites:
                owned = frozenset(n for n, owner in enumerate(owners) if owner is site)
                site.beliefs[topic].set(owned)

    def _calm(self) -> None:
        self.tell("calm")
        self.weather.calm()
        self._agree()
        for site in self._sites:
            site.process.go_on()
            site.start()

    # What is to be done.

    def _place_orders(self) -> None:
        for number in range(self.chance.randint(2, 6)):
            context, token = self.chance.choice([*OTHER]), f"{number}"
            plan = "".join(self._plan(context)) + "."
            self._expected.update(ends(token, plan))
            id = UUID(int=self.chance.getrandbits(128), version=4)
            again = 1 + (self.chance.random() < 0.3 and not plan.startswith("r"))
            key = self.chance.choice(KEYS)
            for _ in range(again):
                when = self.chance.uniform(0.0, FAULTS_END * 0.7)
                self.loop.call_later(when, self._issue, context, key, id, token, plan)

    def _plan(self, context: Context) -> Iterator[str]:
        """What may follow what: only who is asked something refuses, and only incidents ask."""
        arrived, branched = True, False
        for _ in range(self.chance.randint(1, 5)):
            letters = "wwtm" + "mh" + "r" * arrived + "23" * (not branched)
            letter = self.chance.choice(letters + "a" * (context == Context.INCIDENTS))
            yield letter
            if letter == "r":
                return
            arrived, branched = letter in "m23", branched or letter in "23"
            if arrived:
                context = OTHER[context]

    def _issue(self, context: Context, key: str, id: UUID, token: str, plan: str) -> None:
        self.tell(f"order {token} {plan} to {context}/{key}")
        partition = partition_of(key, PARTITIONS)
        issued = Issued(
            id=id,
            time=timestamp(EPOCH + self.loop.time()),
            actor="outside",
            correlation=id,
            command=order(token, plan),
        )
        record = encode_issued(key, issued)
        at_once(self.log.append(commands_topic(context), partition, [record]))
        self.issued[context, partition].append(id)

    # What must come of it.

    async def _all_done(self) -> None:
        while left := [*(self._expected - {*self.ledger.ended}), *self.ledger.left()]:
            if self.loop.time() > FAULTS_END + PATIENCE:
                raise Violation(f"not done in time: {left}")
            await asyncio.sleep(0.5)
            self.ledger.catch_up()
            self._check_failures()

    def _check(self) -> None:
        self._check_failures()
        self.ledger.check_trimmed()
        self.ledger.check_restarts(self.chance.choice([*self.issued]))
        twice = [end for end, times in Counter(self.ledger.ended).items() if times > 1]
        if twice or {*self.ledger.ended} != self._expected:
            raise Violation(f"{twice} came twice; {self.ledger.ended}, not {self._expected}")

    def _check_failures(self) -> None:
        failures = [text for site in self._sites for text in site.failures]
        if failures:
            raise Violation("; ".join(failures))


class Site:
    """A process that runs both managers."""

    def __init__(self, name: str, world: World) -> None:
        self.name, self._world, self._loop = name, world, world.loop
        self.process = Process(self._loop)
        self.beliefs = {events_topic(context): Belief() for context in OTHER}
        self._services: list[Service[Desk, Labour]] = []
        self._skew = world.chance.uniform(-0.2, 0.2)
        self._task: asyncio.Task[None] | None = None
        self._snapshot_every = world.chance.choice((3, 10, 1000))
        self._trim_every = world.chance.choice((1, 3, 1000))
        self._batch = world.chance.choice((1, 3, 500))

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
        world = self._world
        around = Surroundings(
            log=FaultyLog(self.name, world.log, world.weather, self.beliefs),
            clock=HybridClock(self._wall),
            wall=self._wall,
            chance=world.chance,
            snapshots=world.snapshots,
            append_deadline=world.weather.deadline,
            backoff=(0.05, 1.0),
            batch=self._batch,
            snapshot_every=self._snapshot_every,
            trim_every=self._trim_every,
        )
        hands = Hands(world.chance, world.ledger)
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
