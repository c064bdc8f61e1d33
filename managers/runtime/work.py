"""Long work that is a coroutine: the common kind."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

import structlog

W = TypeVar("W")

_log = structlog.get_logger()


class TaskWork(Generic[W]):
    """Runs a coroutine; it is cancelled when the work is stopped.

    The coroutine tells its manager how it ended, then returns. What it raises is a bug, is logged,
    and leaves the work under way in the state for an operator to see.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        self._task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._task.add_done_callback(self._ended)

    def update(self, item: W) -> None:
        """A coroutine that cares reads the new item itself, from its own subclass."""

    def stop(self) -> None:
        self._task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.error("work failed", work=task.get_name(), exc_info=error)
