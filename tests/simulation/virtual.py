"""An event loop whose time jumps: nothing sleeps, no thread runs, and the order is always the same.

It counts its steps, so that a fault can strike between any two of them, and a `Process` can be
stopped as by SIGSTOP: what would run in it is set aside until it goes on.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar
from itertools import count
from typing import Any


class Stuck(Exception):
    """Everything waits for something else, or goes on for ever."""


class Uncaught(Exception):
    """An error that nobody looked at."""


MOST_STEPS = 100_000


class Process:
    """Whatever runs in a context where `PROCESS` is this one; a thing that can be stopped."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop
        self.set_aside: list[asyncio.Handle] | None = None
        """What waits for the process to go on; None while it does."""

    def stop(self) -> None:
        if self.set_aside is None:
            self.set_aside = []

    def go_on(self) -> None:
        if self.set_aside is not None:
            self._loop.ready.extend((self, handle) for handle in self.set_aside)
            self.set_aside = None


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


class VirtualLoop(asyncio.BaseEventLoop):
    """Time, in seconds, starts at 0 and passes only while everything waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.ready: deque[tuple[Process | None, asyncio.Handle]] = deque()
        self.steps = 0
        self._failed: Exception | None = None
        self._failing = False
        self._now = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, Process | None, asyncio.TimerHandle]] = []
        self._strikes: list[tuple[int, int, Callable[[], None]]] = []
        self.set_exception_handler(_fail)

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append((_process(context), handle))
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), _process(context), timer))
        return timer

    def strike_in(self, steps: int, strike: Callable[[], None]) -> None:
        """Call `strike` between two steps."""
        heapq.heappush(self._strikes, (self.steps + steps, next(self._order), strike))

    def fail(self, error: Exception) -> None:
        """End it all: the first error is raised behind the present step."""
        self._failed = self._failed or error

    def _run_once(self) -> None:
        """What `run_forever` does until it is stopped."""
        self._ring()
        if self.steps > MOST_STEPS:
            self.fail(Stuck(f"at {self._now:.3f} s it goes on and on"))
        for _ in range(len(self.ready)):
            while self._strikes and self._strikes[0][0] <= self.steps:
                heapq.heappop(self._strikes)[2]()
            process, handle = self.ready.popleft()
            if process and process.set_aside is not None:
                process.set_aside.append(handle)
            elif not handle.cancelled():
                self.steps += 1
                handle._run()
                if self._failed and not self._failing:
                    self._failing = True
                    raise self._failed

    def _ring(self) -> None:
        """Make ready what is due, and if nothing is ready, what is due next."""
        timers = self._timers
        while timers and (timers[0][3].cancelled() or timers[0][0] <= self._now or not self.ready):
            when, _, process, timer = heapq.heappop(timers)
            if not timer.cancelled():
                self._now = max(self._now, when)
                self.ready.append((process, timer))
        if not self.ready:
            raise Stuck(f"at {self._now:.3f} s everything waits for something else")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is skipped when its moment comes."""


def _fail(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, VirtualLoop)
    loop.fail(Uncaught(str(context)))


def _process(context: Context | None) -> Process | None:
    return PROCESS.get() if context is None else context.get(PROCESS)
