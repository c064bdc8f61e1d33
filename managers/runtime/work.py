"""Long work that is a coroutine: the common kind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog
from structlog.contextvars import bind_contextvars

from bus.tasks import doubling
from managers.runtime.about import about
from managers.runtime.manager import Chain, Input, Tell

W = TypeVar("W")

_log = structlog.get_logger()

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds before work that raised begins again."""


class NotTaken(Exception):
    """The manager refused what its hands told."""


async def hand_over(
    tell: Tell, input: Input, otherwise: Callable[[str], Input] | None = None
) -> None:
    """Tell, and wait until it counts; instead of what is refused, `otherwise` of the reason.

    Raises `NotTaken`: the state still has under way what should have been over with this.
    """
    rejection = await tell(input)
    if rejection and otherwise:
        rejection = await tell(otherwise(rejection.reason))
    if rejection:
        raise NotTaken(f"{type(input).__name__} was refused: {rejection.reason}")


class TaskWork(Generic[W]):
    """Runs `make()`; it is cancelled when the work is stopped.

    The coroutine hands over how it ended, then returns. What it raises is a bug or a trouble that
    nobody thought of: it is logged, and the work begins again after a pause, as it would after a
    crash, since the state still has it under way.
    """

    def __init__(
        self,
        make: Callable[[], Awaitable[None]],
        name: str,
        chain: Chain | None = None,
        failed: Callable[[str], object] = lambda _: None,
    ) -> None:
        """All its lines in the log carry its name, as their cause, and what it belongs to.

        `failed` is told why it begins again; nothing (empty) when it has ended.
        """
        self._make, self._failed = make, failed
        incident, correlation = (chain.incident, chain.correlation) if chain else (None, None)
        self._about = about(incident, name, correlation)
        self._task = asyncio.get_running_loop().create_task(self._run(), name=name)

    def update(self, item: W) -> None:
        """A coroutine that cares reads the new item itself, from its own subclass."""

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        bind_contextvars(**self._about)
        pauses = doubling(_FIRST_PAUSE, _LONGEST_PAUSE)
        try:
            while True:
                try:
                    return await self._make()
                except Exception as error:
                    pause = next(pauses)
                    _log.exception("work failed, it begins again", seconds=pause)
                    self._failed(f"{type(error).__name__}: {error}")
                await asyncio.sleep(pause)
        finally:
            self._failed("")
