"""An event loop whose clock jumps: nobody sleeps, whatever is due next is due now."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")

EPOCH = 1_500_000_000.0
"""When tests begin: 14 July 2017, 02:40 UTC."""


class Stuck(Exception):
    """Everything waits for something that will never come."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """Time passes only while everything waits for it."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.now

    def wall(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.now


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("nothing will ever happen again: the workflow waits for what nobody sends")
        self._loop.now += max(timeout, 0.0)
        return super().select(0)


def run_jumping(main: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine on a clock that jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)
