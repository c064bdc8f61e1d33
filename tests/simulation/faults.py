"""A log that does everything to its users that the contract allows, and belief without truth.

An append is a flight of its own: once sent it lands, or not, whatever becomes of its sender, even
after the next takeovers (a *ghost*), or twice (an *echo*: a retry below us). Owners are told what
they own by a `Belief`, and two beliefs may contradict each other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, TypeVar

from bus import Doubt, Log, LogError, MemoryLog, Record, Stored
from managers.runtime import Snapshot

T = TypeVar("T")


class Fate(StrEnum):
    """What may become of an append."""

    PROMPT = "prompt"
    SLOW = "slow"
    REFUSED = "refused"
    LOST = "lost"
    UNANSWERED = "unanswered"
    GHOST = "ghost"
    ECHO = "echo"


HARMLESS: Mapping[Fate, float] = {Fate.PROMPT: 1.0}


@dataclass
class Weather:
    """How bad things are; `calm` ends all that has not begun."""

    chance: Random
    fates: Mapping[Fate, float]
    """Weights."""
    deadline: float
    """Of an append, in seconds: after it the sender gave up."""
    read_delay: float = 0.0
    """Probabilities of a slow, a short, and a failed read."""
    read_short: float = 0.0
    read_failed: float = 0.0
    trace: Callable[[str], None] | None = None

    def fate(self) -> Fate:
        return self.chance.choices([*self.fates], [*self.fates.values()])[0]

    def happens(self, probability: float) -> bool:
        return probability > 0 and self.chance.random() < probability

    def calm(self) -> None:
        self.fates = HARMLESS
        self.read_delay = self.read_short = self.read_failed = 0.0


class Belief:
    """What one process believes to own of one topic."""

    def __init__(self, owned: frozenset[int] = frozenset()) -> None:
        self.owned = owned
        self._changed = asyncio.Event()

    def set(self, owned: frozenset[int]) -> None:
        self.owned = owned
        self._changed.set()

    async def changed(self, known: frozenset[int]) -> frozenset[int]:
        while self.owned == known:
            self._changed.clear()
            await self._changed.wait()
        return self.owned


class FaultyLog(Log):
    """One process's view of the log that all share."""

    def __init__(
        self, name: str, log: MemoryLog, weather: Weather, beliefs: Mapping[str, Belief]
    ) -> None:
        self._name, self._log, self._weather, self._beliefs = name, log, weather, beliefs

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        fate = self._weather.fate()
        chance, deadline = self._weather.chance, self._weather.deadline
        flight = _Flight(self, topic, partition, records, fate)
        match fate:
            case Fate.PROMPT | Fate.ECHO:
                flight.lands_in(chance.uniform(0.0005, 0.005))
            case Fate.SLOW | Fate.UNANSWERED:
                flight.lands_in(chance.uniform(0.0, 1.1 * deadline))
            case Fate.GHOST:
                flight.lands_in(chance.expovariate(1 / (2 * deadline)))
        match fate:
            case Fate.ECHO:
                flight.lands_in(chance.expovariate(1 / deadline))
            case Fate.REFUSED:
                flight.fails_in(chance.uniform(0.0, deadline), LogError("refused"))
            case Fate.LOST | Fate.UNANSWERED | Fate.GHOST if chance.random() < 0.5:
                flight.fails_in(chance.uniform(0.0, deadline), Doubt("the connection was lost"))
        return await flight.answer

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000
    ) -> Sequence[Stored]:
        weather = self._weather
        if weather.happens(weather.read_delay):
            await asyncio.sleep(weather.chance.expovariate(10))
        if weather.happens(weather.read_failed):
            raise LogError("the connection was lost")
        if weather.happens(weather.read_short):
            limit = 1
        return await self._log.read(topic, partition, offset, limit)

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        """Late, or for nothing, or neither."""
        happens, delay = self._weather.happens, self._weather.read_delay
        if not happens(delay):
            await self._log.wait(topic, partition, offset)
        if happens(delay):
            await asyncio.sleep(self._weather.chance.expovariate(10))

    async def declare(self, topic: str, partitions: int) -> None:
        await self._log.declare(topic, partitions)

    async def partitions(self, topic: str) -> int:
        return await self._log.partitions(topic)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await self._log.bounds(topic, partition)

    async def trim(self, topic: str, partition: int, below: int) -> None:
        await self._log.trim(topic, partition, below)

    @asynccontextmanager
    async def membership(self, group: str, topic: str) -> AsyncIterator[Belief]:
        yield self._beliefs[topic]

    async def close(self) -> None:
        """Nothing to let go of."""

    def land(self, topic: str, partition: int, records: Sequence[Record], fate: Fate) -> int:
        """What happens in the log when an append arrives there."""
        offset = at_once(self._log.append(topic, partition, records))
        if self._weather.trace:
            headers = " ".join(f"{name}={text}" for name, text in records[0].headers.items())
            self._weather.trace(
                f"{self._name}: {topic}/{partition} {offset} +{len(records)} {fate} {headers}"
            )
        return offset


class _Flight:
    """An append under way, outside of any process."""

    def __init__(
        self, log: FaultyLog, topic: str, partition: int, records: Sequence[Record], fate: Fate
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._log, self._what, self._fate = log, (topic, partition, records), fate
        self.answer: asyncio.Future[int] = self._loop.create_future()

    def lands_in(self, seconds: float) -> None:
        self._loop.call_later(seconds, self._land, context=_NOBODY)

    def fails_in(self, seconds: float, error: Exception) -> None:
        self._loop.call_later(seconds, self._fail, error, context=_NOBODY)

    def _land(self) -> None:
        offset = self._log.land(*self._what, self._fate)
        if self._fate not in (Fate.UNANSWERED, Fate.GHOST):
            self._loop.call_later(offset % 3 * 0.001, self._arrive, offset, context=_NOBODY)

    def _arrive(self, offset: int) -> None:
        if not self.answer.done():
            self.answer.set_result(offset)

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


_NOBODY = Context()


class KeptSnapshots:
    """Snapshots that all processes share; some are lost, some come back older than the newest."""

    def __init__(self, weather: Weather, loss: float) -> None:
        self._weather, self._loss = weather, loss
        self._kept: dict[tuple[str, int], list[Snapshot]] = {}

    async def load(self, context: str, partition: int) -> Snapshot | None:
        kept = self._kept.get((context, partition))
        if not kept or self._weather.happens(self._loss):
            return None
        return self._weather.chance.choice(kept[-2:])

    async def store(self, context: str, partition: int, snapshot: Snapshot) -> None:
        if self._weather.happens(self._loss):
            raise OSError("the snapshot was lost")
        self._kept.setdefault((context, partition), []).append(snapshot)


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, as those of `MemoryLog.append` and `read`."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError(f"{coroutine} waits for something")
