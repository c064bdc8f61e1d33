"""What comes out of task groups: several errors as one, and cancellation that is forgotten."""

import asyncio
from collections.abc import Iterator


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
