"""What asyncio leaves to do: tasks end with their owner, errors come as a group, pauses grow."""

import asyncio
from collections.abc import Iterator
from typing import Any


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors that a group holds, in order; of one that is no group itself."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


def first(error: BaseException) -> BaseException:
    """The first of the errors that a group holds."""
    return next(leaves(error))


def end_if_cancelled() -> None:
    """Before Python 3.13 a task group that fails while it is cancelled forgets the latter."""
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel it, and return when it has ended, however it did."""
    task.cancel()
    await asyncio.wait([task])


def doubling(shortest: float, longest: float) -> Iterator[float]:
    """Pauses between attempts, each twice as long as the one before, in the unit of the longest."""
    while True:
        yield shortest
        shortest = min(2 * shortest, longest)
