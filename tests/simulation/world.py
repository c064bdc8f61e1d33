"""One seed: processes that run the managers, orders from outside, and everything that goes wrong.

First come the faults, those that this seed draws, then calm: then all must be done soon.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bus import MemoryLog
from events.envelope import commands_topic, events_topic
from tests.simulation.checks import Ledger, Violation
from tests.simulation.faults import Fate, KeptSnapshots, Weather
from tests.simulation.orders import Orders
from tests.simulation.site import Shared, Site
from tests.simulation.toys import OTHER
from tests.simulation.virtual import VirtualLoop

Trace = Callable[[str], None]

PARTITIONS = 2
FAULTS_END = 5.0
"""Seconds after which nothing new goes wrong."""
PATIENCE = 60.0
"""Seconds after that, within which all must be done."""
LATER = 3.0
"""Seconds after that, for what still comes when all is done."""


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
        self._chance, self._loop = chance, loop
        self._trace = trace and (lambda text: trace(f"{loop.time():8.3f} {text}"))
        self._log = MemoryLog()
        self._weather = self._draw_weather()
        self._orders = Orders(loop, chance, self._log, PARTITIONS)
        self._ledger = Ledger(self._log, PARTITIONS, self._orders.issued, loop.fail)
        snapshots = KeptSnapshots(self._weather, loss=chance.choice((0.0, 0.3)))
        shared = Shared(loop, chance, self._log, self._weather, snapshots, self._ledger)
        self._sites = [Site(name, shared) for name in "ABC"[: chance.choice((2, 2, 3))]]
        self._strikes = chance.sample(
            (self._stop_one, self._kill_one, self._believe), chance.randint(0, 3)
        )
        self._pace = chance.choice((20, 100, 400))

    async def run(self) -> Outcome:
        for context in OTHER:
            await self._log.declare(commands_topic(context), PARTITIONS)
            await self._log.declare(events_topic(context), PARTITIONS)
        self._orders.place(0.7 * FAULTS_END, self._tell)
        self._agree()
        if self._chance.random() < 0.5:
            self._believe()
        for site in self._sites:
            site.start()
        self._strike_later()
        try:
            await asyncio.sleep(FAULTS_END)
            self._calm()
            await self._all_done()
            await asyncio.sleep(LATER)
        finally:
            for site in self._sites:
                await site.end()
        await asyncio.sleep(0)
        self._check()
        ledger = self._ledger
        return Outcome(self._loop.steps, ledger.counts, ledger.dead, self._loop.time())

    def _tell(self, text: str) -> None:
        if self._trace:
            self._trace(text)

    # What goes wrong.

    def _draw_weather(self) -> Weather:
        chance = self._chance
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
        if self._strikes and self._loop.time() < FAULTS_END:
            if self._chance.random() < 0.7:
                self._loop.strike_in(self._chance.randint(1, 2 * self._pace), self._strike)
            else:
                self._loop.call_later(self._chance.expovariate(2), self._strike)

    def _strike(self) -> None:
        if self._loop.time() < FAULTS_END:
            self._chance.choice(self._strikes)()
            self._strike_later()

    def _stop_one(self) -> None:
        site, seconds = self._chance.choice(self._sites), self._chance.expovariate(1)
        self._tell(f"{site.name} stops for {seconds:.3f} s")
        site.process.stop()
        self._loop.call_later(seconds, site.process.go_on)

    def _kill_one(self) -> None:
        site = self._chance.choice(self._sites)
        self._tell(f"{site.name} is killed")
        site.kill(self._chance.expovariate(2))

    def _believe(self) -> None:
        """Somebody believes to own something else now, whatever others believe."""
        site, topic = self._chance.choice(self._sites), events_topic(self._chance.choice([*OTHER]))
        owned = frozenset(n for n in range(PARTITIONS) if self._chance.random() < 0.6)
        self._tell(f"{site.name} believes to own {sorted(owned)} of {topic}")
        site.beliefs[topic].set(owned)

    def _agree(self) -> None:
        """Each partition has one owner."""
        for topic in map(events_topic, OTHER):
            owners = [self._chance.choice(self._sites) for _ in range(PARTITIONS)]
            for site in self._sites:
                owned = frozenset(n for n, owner in enumerate(owners) if owner is site)
                site.beliefs[topic].set(owned)

    def _calm(self) -> None:
        self._tell("calm")
        self._weather.calm()
        self._agree()
        for site in self._sites:
            site.process.go_on()
            site.start()

    # What must come of it.

    async def _all_done(self) -> None:
        while left := [*(self._orders.expected - {*self._ledger.ended}), *self._ledger.left()]:
            if self._loop.time() > FAULTS_END + PATIENCE:
                raise Violation(f"not done in time: {left}")
            await asyncio.sleep(0.5)
            self._ledger.catch_up()
            self._check_failures()

    def _check(self) -> None:
        self._ledger.catch_up()
        if left := [*self._ledger.left()]:
            raise Violation(f"left when all had ended: {left}")
        self._ledger.check_trimmed()
        self._ledger.check_restarts(self._chance.choice([*self._orders.issued]))
        twice = [end for end, times in Counter(self._ledger.ended).items() if times > 1]
        if twice or {*self._ledger.ended} != self._orders.expected:
            raise Violation(
                f"{twice} came twice; {self._ledger.ended}, not {self._orders.expected}"
            )

    def _check_failures(self) -> None:
        failures = [text for site in self._sites for text in site.failures]
        if failures:
            raise Violation("; ".join(failures))
