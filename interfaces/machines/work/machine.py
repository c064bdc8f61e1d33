"""One machine as all work on it shares it: a connection, opened when first needed, and patience."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
from pydantic import JsonValue

from bus.tasks import doubling
from events.jobs import Token
from events.machines import MachineSettings
from interfaces.machines.batch import BatchSystem
from interfaces.machines.budget import MINUTE, Budget, Toll
from interfaces.machines.connection import LoginNeeded, MachineError
from interfaces.machines.dialect import InDoubt
from managers.blobs import BlobStoreUnavailable
from managers.runtime import Failure, Failures

R = TypeVar("R")
Connect = Callable[[MachineSettings, Toll], BatchSystem]
"""Makes a batch system that asks the toll before each command."""

_WORTH_TELLING = 3
"""Failures in a row: what is over before is a blip."""

_LOOKS = 0.5
"""Of the commands that a machine may be asked in a minute, at most; files come after them."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Manners:
    """How often a machine is asked; seconds."""

    look: float = 2.0
    """Between two looks at what the wrappers wrote."""
    ask: float = 60.0
    """Between two questions to the scheduler."""
    wish: float = 0.0
    """Between one and the next that somebody wishes for."""
    ask_least: float = 0.0
    """Between them in any case, whoever wishes to know sooner."""
    retry: tuple[float, float] = (0.5, 30.0)
    """Between two tries of what failed: the first, and the longest."""
    commands: float = math.inf
    """In any minute."""
    submissions: float = math.inf
    """Of them, in any minute."""


class Machine:
    """A batch system, asked with manners."""

    def __init__(
        self,
        settings: MachineSettings,
        connect: Connect,
        manners: Manners,
        chance: random.Random,
        wall: Callable[[], float],
        before: "Machine | None" = None,
    ) -> None:
        """`before` is the same machine before its settings changed."""
        look = max(manners.look, MINUTE / manners.commands / _LOOKS)
        self.settings, self.manners = settings, replace(manners, look=look)
        self.wake = asyncio.Event()
        """Set when there is a reason to look at the machine now."""
        self.room = asyncio.Event()
        """Set while files of ours have room there, as far as is known."""
        self.room.set()
        self.watched = False
        """Whether it is looked at: it is not any more once it is removed, or somebody else's."""
        self.late: set[Token] = set()
        """Jobs that it was asked to take a while ago: it may have, and its answer hang."""
        self.budget: Budget = before.budget if before else Budget()
        self.budget.limit(manners.commands, manners.submissions, manners.ask_least)
        self._failures: Failures[object] = before._failures if before else Failures()
        self._connect, self._chance, self._wall = connect, chance, wall
        self._stack = AsyncExitStack()
        self._batch: BatchSystem | None = None
        self.learned: Mapping[str, JsonValue] = {}
        """What checks learned of it, as settings of its dialect."""
        self._opening = asyncio.Lock()

    @contextmanager
    def asked_to_take(self, token: Token) -> Iterator[None]:
        """It is, while the context lasts."""

        def is_late() -> None:
            self.late.add(token)
            self.wake.set()

        timer = asyncio.get_running_loop().call_later(self.manners.look, is_late)
        try:
            yield
        finally:
            timer.cancel()
            self.late.discard(token)

    def has_room(self, room: bool) -> None:
        """Whether it has, as far as is known now."""
        if room:
            self.room.set()
        else:
            self.room.clear()

    async def batch(self) -> BatchSystem:
        """Raises `MachineError` where settings are wrong, too."""
        async with self._opening:
            if self._batch is None:
                batch = self._connect(self.settings, self.budget.spend)
                batch.learn(self.learned)
                self._batch = await self._stack.enter_async_context(batch)
            return self._batch

    def learn(self, learned: Mapping[str, JsonValue]) -> None:
        """What is known since the newest check."""
        if learned != self.learned:
            self.learned = learned
            if self._batch is not None:
                self._batch.learn(learned)

    @property
    def shell_startup(self) -> float | None:
        """Seconds; None: not seen, or there is no shell."""
        return self._batch.shell_startup if self._batch else None

    @property
    def failing(self) -> Failure | None:
        """What is tried there and fails again and again, as one: the newest reason, all times."""
        again = [one for one in self._failures.known.values() if one.times >= _WORTH_TELLING]
        if not again:
            return None
        since, times = min(one.since for one in again), sum(one.times for one in again)
        return Failure(again[-1].reason, since, times)

    def tried(self, reason: str, what: object = None) -> int:
        """Something (None: to look at it) failed for a reason; how many times by now.

        Without a reason it went well, or is not tried any more.
        """
        if not reason:
            self._failures.forget(what)
            return 0
        self._failures.add(what, reason, self._wall())
        return self._failures.known[what].times

    def before_repeating(self, submission: int) -> float:
        """Seconds before another submission of a job goes out: longer from one to the next."""
        first, longest = self.manners.retry
        return 0.0 if submission == 1 else min(longest, first * 2.0 ** min(submission, 30))

    def jittered(self, pause: float) -> float:
        """A pause after a failure: those who failed together do not all come again at once."""
        return pause * self._chance.uniform(0.5, 1)

    async def persist(
        self, action: Callable[[BatchSystem], Awaitable[R]], complain: Callable[[str], object]
    ) -> R:
        """Do it, again and again while the machine or the blob store fails; raises `InDoubt` only.

        `complain` is told why, each time after the first few; that a login is needed is the
        machine's to tell, and ends the work from elsewhere.
        """
        pauses = doubling(*self.manners.retry)
        what = object()
        try:
            while True:
                try:
                    return await action(await self.batch())
                except InDoubt:
                    raise
                except LoginNeeded:
                    self.wake.set()
                except (MachineError, BlobStoreUnavailable) as error:
                    reason = str(error) or repr(error)
                    _log.warning("machine", machine=self.settings.name, error=reason)
                    if self.tried(reason, what) >= _WORTH_TELLING:
                        complain(reason)
                await asyncio.sleep(self.jittered(next(pauses)))
        finally:
            self.tried("", what)

    async def close(self) -> None:
        """Nobody looks at it any more."""
        self.tried("")
        async with self._opening:
            self._batch = None
            await self._stack.aclose()
