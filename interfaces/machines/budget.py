"""What a machine is asked for: so many commands a minute, those of submissions first.

One budget a machine, whoever needs a command: its watch, submissions, results, estimates, a check.
"""

import asyncio
import math
from collections import Counter, deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum

MINUTE = 60.0
_DUE = 1e-6
"""Seconds: a pause as short as that is what arithmetic left."""


class Kind(IntEnum):
    """What a command is for; where they wait for the budget, the lower is served first."""

    SUBMIT = 0
    """The submit command itself: what the rate of submissions is about."""
    PREPARE = 1
    """The rest of a submission: its folder, the head of its script."""
    CANCEL = 2
    """Or hold, or release."""
    POLL = 3
    """The scheduler about our jobs: never more often than the centre allows."""
    ASK = 4
    """Anything else about the batch system: accounts, load, estimates."""
    LOOK = 5
    """What the wrappers wrote."""
    FILE = 6
    """One file that is moved, or read."""


Toll = Callable[[Kind], Awaitable[None]]
"""Returns when a command of that kind may be run."""


async def free(kind: Kind) -> None:
    """The toll of a machine that may be asked as often as one likes."""


async def pay_for(
    chunks: AsyncIterable[bytes], toll: Toll, piece: Callable[[], int | None]
) -> AsyncIterator[bytes]:
    """The bytes of a file, which is one command; or one for each piece of so many bytes."""
    await toll(Kind.FILE)
    carried = 0
    async for chunk in chunks:
        carried += len(chunk)
        while (size := piece()) and carried > size:
            await toll(Kind.FILE)
            carried -= size
        yield chunk


@dataclass
class Allowance:
    """At most so many in any minute: a sixth of them at once, the others evenly."""

    per_minute: float
    _left: float = field(init=False)
    _since: float = field(init=False, default=-math.inf)

    def __post_init__(self) -> None:
        self._left = self._burst

    def limit(self, per_minute: float) -> None:
        """From now on another number; what went counts as before."""
        self.per_minute = per_minute
        self._left = min(self._left, self._burst)

    def use_up(self, now: float) -> None:
        """Nothing is left: from now on they go evenly."""
        if self.per_minute < math.inf:
            self._left, self._since = min(self._left, 0.0), now

    @property
    def _burst(self) -> float:
        return 1 + (self.per_minute - 1) // 6 if self.per_minute < math.inf else math.inf

    @property
    def _rate(self) -> float:
        """A second; with all that go at once, a minute has not more than it may."""
        return (self.per_minute - self._burst + 1) / MINUTE

    def pause(self, now: float) -> float:
        """Seconds until the next one may go."""
        if self.per_minute == math.inf:
            return 0.0
        if self._since > -math.inf:
            self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        return max(0.0, 1 - self._left) / self._rate

    def take(self) -> None:
        """One goes; after a `pause` of 0."""
        self._left -= 1


@dataclass
class Pace:
    """Never more often than every `least` seconds."""

    least: float
    _last: float = -math.inf

    def pause(self, now: float) -> float:
        """Seconds until the next one may go."""
        return max(0.0, self._last + self.least - now)

    def take(self, now: float) -> None:
        self._last = now


@dataclass
class Spent:
    """What was spent of a budget, since it is there."""

    commands: Counter[Kind] = field(default_factory=Counter)
    waited: float = 0.0
    """Seconds that commands waited for it, all together."""


class Budget:
    """Commands and submissions a minute, and how often the scheduler is asked about our jobs."""

    def __init__(
        self, commands: float = math.inf, submissions: float = math.inf, poll_least: float = 0.0
    ) -> None:
        self.spent = Spent()
        self._commands, self._submissions = Allowance(commands), Allowance(submissions)
        self._polls = Pace(poll_least)
        self._waiting: dict[Kind, deque[asyncio.Future[None]]] = {kind: deque() for kind in Kind}
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, commands: float, submissions: float, poll_least: float) -> None:
        """From now on these; what was spent counts as before."""
        self._commands.limit(commands)
        self._submissions.limit(submissions)
        self._polls.least = poll_least
        if self._timer is not None:
            self._serve()

    def use_up(self, now: float) -> None:
        """Who had the machine until now may have spent all, and have asked the scheduler."""
        self._commands.use_up(now)
        self._submissions.use_up(now)
        self._polls.take(now)

    def poll_pause(self, now: float) -> float:
        """Seconds until the scheduler may be asked about our jobs."""
        return self._polls.pause(now)

    async def spend(self, kind: Kind) -> None:
        """Return when one more command of that kind may be run."""
        loop = asyncio.get_running_loop()
        go, began = loop.create_future(), loop.time()
        self._waiting[kind].append(go)
        self._serve()
        try:
            await go
        finally:
            self.spent.waited += loop.time() - began

    def _serve(self) -> None:
        """Let all go that may, and come again when the next one may."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pauses = []
        for kind, waiting in self._waiting.items():
            while waiting:
                if waiting[0].done():  # it gave up
                    waiting.popleft()
                elif (pause := self._pause(kind, loop.time())) > _DUE:
                    pauses.append(pause)
                    break
                else:
                    self._take(kind, loop.time())
                    waiting.popleft().set_result(None)
        if pauses:
            self._timer = loop.call_later(min(pauses), self._serve)

    def _pause(self, kind: Kind, now: float) -> float:
        pauses = [self._commands.pause(now)]
        if kind is Kind.SUBMIT:
            pauses.append(self._submissions.pause(now))
        if kind is Kind.POLL:
            pauses.append(self._polls.pause(now))
        return max(pauses)

    def _take(self, kind: Kind, now: float) -> None:
        self._commands.take()
        if kind is Kind.SUBMIT:
            self._submissions.take()
        if kind is Kind.POLL:
            self._polls.take(now)
        self.spent.commands[kind] += 1
