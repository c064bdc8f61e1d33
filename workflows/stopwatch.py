"""The running time of a stage: waiting for others does not count, and is rest if nothing runs."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Calls `ring` when the stage has run for `budget` seconds in all; None: never.

    Calls `rested` once, when the stage first waits for others and nothing of it runs.
    """

    def __init__(
        self,
        budget: float | None,
        ring: Callable[[], None],
        rested: Callable[[], None] | None = None,
    ) -> None:
        self._left, self._ring, self._rested = budget, ring, rested
        self._waits = 0
        self._working = 0
        self._since = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._left is not None and self._handle is None:
            loop = asyncio.get_running_loop()
            self._since = loop.time()
            self._handle = loop.call_later(max(self._left, 0.0), self._ring)

    def stop(self) -> None:
        if self._handle is not None and self._left is not None:
            self._handle.cancel()
            self._handle = None
            self._left -= asyncio.get_running_loop().time() - self._since

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody else has to answer; meanwhile only what works counts."""
        self._waits += 1
        self._adjust()
        try:
            yield
        finally:
            self._waits -= 1
            self._adjust()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A step runs, or bytes are read or stored."""
        self._working += 1
        self._adjust()
        try:
            yield
        finally:
            self._working -= 1
            self._adjust()

    def _adjust(self) -> None:
        if not self._rests:
            self.start()
            return
        self.stop()
        if self._rested:  # not yet: what else the stage does at once comes before this
            asyncio.get_running_loop().call_soon(self._look_at_rest)

    @property
    def _rests(self) -> bool:
        return self._waits > 0 and self._working == 0

    def _look_at_rest(self) -> None:
        if self._rests and (rested := self._rested):
            self._rested = None
            rested()
