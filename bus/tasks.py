"""What asyncio leaves to do: tasks end with their owner, errors are told apart, pauses grow."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


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


def starved(error: BaseException) -> bool:
    """Whether this process got no memory, or no thread, which it may get later."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "can't start new thread" in str(error)
    )


def end_if_cancelled() -> None:
    """Before Python 3.13 a task group that fails while it is cancelled forgets the latter.

    And one that fails while its block is over seems to have been cancelled for ever: after such a
    group this must not be asked.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel it, and return when it has ended, however it did."""
    task.cancel()
    await asyncio.wait([task])


async def within(seconds: float, call: Coroutine[Any, Any, T]) -> T:
    """What the call returns; raises what it does, or `TimeoutError` after so many seconds.

    Then it is cancelled, and not waited for: a connection to nobody may take long to let go.
    """
    task = asyncio.create_task(call)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise TimeoutError(f"no answer within {seconds:g} s")
        return task.result()
    finally:
        task.cancel()
        task.add_done_callback(hear)


def hear(task: asyncio.Task[Any]) -> None:
    """Of a task that has ended, when nobody may want to know how: or asyncio complains."""
    with suppress(asyncio.CancelledError):
        task.exception()


def doubling(shortest: float, longest: float) -> Iterator[float]:
    """Pauses between attempts, each twice as long as the one before, in the unit of the longest."""
    while True:
        yield shortest
        shortest = min(2 * shortest, longest)
