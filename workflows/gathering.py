"""Several calls at once, with an end that leaves nothing behind."""

import asyncio
import inspect
from collections.abc import Awaitable, Sequence
from typing import TypeVar

R = TypeVar("R")


async def gather(calls: Sequence[Awaitable[R]], at_most: int) -> list[R]:
    """All results, in the order of the calls; a single error is raised as it is."""
    room = asyncio.Semaphore(at_most)

    async def one(call: Awaitable[R]) -> R:
        await room.acquire()
        result = await call
        room.release()  # not after an error: who waits for room then is not wanted any more
        return result

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in calls]
    except ExceptionGroup as errors:
        if len(errors.exceptions) == 1:
            raise errors.exceptions[0] from None
        raise
    finally:
        for call in calls:
            if inspect.iscoroutine(call):
                call.close()  # those that found no room were never started
    return [task.result() for task in tasks]
