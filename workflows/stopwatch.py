"""The running time of a stage: waiting for others does not count."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Calls `ring` when the stage has run for `budget` seconds in all; None: never."""

    def __init__(self, budget: float | None, ring: Callable[[], None]) -> None:
        self._left, self._ring = budget, ring
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
        """Somebody else has to answer; meanwhile only steps of this stage count."""
        self._waits += 1
        self._adjust()
        try:
            yield
        finally:
            self._waits -= 1
            self._adjust()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A step runs."""
        self._working += 1
        self._adjust()
        try:
            yield
        finally:
            self._working -= 1
            self._adjust()

    def _adjust(self) -> None:
        if self._waits and not self._working:
            self.stop()
        else:
            self.start()
