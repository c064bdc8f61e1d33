"""Advisory locks that the kernel drops when the last process that inherited them is gone.

`flock` belongs to the open file, not to the process: a child that inherits the descriptor holds the
lock as well. So a lock says who is alive where a process id, which may be reused, cannot.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

SHARED = fcntl.LOCK_SH
EXCLUSIVE = fcntl.LOCK_EX
POLL_SECONDS = 0.02


def try_lock(path: Path, kind: int) -> int | None:
    """A descriptor of the file or folder, locked until it is closed; None if others hold it."""
    descriptor = os.open(path, os.O_RDONLY)
    if relock(descriptor, kind):
        return descriptor
    os.close(descriptor)
    return None


def relock(descriptor: int, kind: int) -> bool:
    """Change the lock of a descriptor if nobody is in the way; if somebody is, it holds none."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close the descriptor in the end, and so drop its lock unless a child inherited it."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@asynccontextmanager
async def locked(path: Path, kind: int) -> AsyncIterator[int]:
    """Wait for the lock and hold it; the caller sets the deadline."""
    while (descriptor := try_lock(path, kind)) is None:
        await asyncio.sleep(POLL_SECONDS)
    with closing(descriptor):
        yield descriptor
