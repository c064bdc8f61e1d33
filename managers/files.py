"""Files that are there whole and for good: written beside their place, synchronized, renamed.

A rename that comes before the synchronization may outlive a loss of power while the bytes do not.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self


@contextmanager
def written(place: Path, part: Path | None = None) -> Iterator[IO[bytes]]:
    """A new file to write to; it is at its place once the block ends, and gone if that raises.

    Until then it is `part`, by default something hidden beside the place.
    """
    file = _create(part or beside(place))
    try:
        yield file
        _settle(file, place)
    finally:
        _drop(file)


class Draft:
    """The same in threads of a pool, for event loops. A context manager.

    Who is cancelled waits for no disk: it is closed and gone after what is under way in a thread.
    """

    def __init__(self, part: Path, pool: Executor) -> None:
        self._part, self._pool = part, pool
        self._file: IO[bytes] | None = None
        self._newest: Future[object] | None = None
        self._over = False

    async def write(self, data: bytes) -> None:
        """Add to it; raises `OSError`."""
        await self._aside(lambda: self._opened().write(data))

    async def settle(self, place: Path) -> None:
        """Give it its place, what was written before with it; raises `OSError`."""
        await self._aside(lambda: _settle(self._opened(), place))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, at: object) -> None:
        if self._newest is None:
            self._over = True  # what got no thread is in the pool's queue, and is done one day
            return
        if isinstance(error, asyncio.CancelledError):
            self._newest.add_done_callback(lambda _: self._pool.submit(self._drop))
        else:
            await asyncio.shield(asyncio.wrap_future(self._pool.submit(self._drop)))

    async def _aside(self, work: Callable[[], object]) -> None:
        self._newest = self._pool.submit(work)
        await asyncio.wrap_future(self._newest)

    def _opened(self) -> IO[bytes]:
        if self._over:
            raise ValueError("nobody writes to it any more")
        if self._file is None:
            self._file = _create(self._part)
        return self._file

    def _drop(self) -> None:
        if self._file is not None:
            _drop(self._file)


def beside(place: Path) -> Path:
    """Where nothing is yet, in the same folder."""
    return place.with_name(f".part-{secrets.token_hex(8)}")


def make_folder(folder: Path) -> None:
    """Make a folder and all above it, each known to the one above it for good."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        synchronize(folder.parent)


def synchronize(folder: Path) -> None:
    """See that the names in a folder outlive a loss of power."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _create(part: Path) -> IO[bytes]:
    make_folder(part.parent)
    return part.open("xb")


def _settle(file: IO[bytes], place: Path) -> None:
    """Both, file and name, outlive a loss of power when this returns."""
    file.flush()
    os.fsync(file.fileno())
    make_folder(place.parent)
    Path(file.name).rename(place)
    synchronize(place.parent)


def _drop(file: IO[bytes]) -> None:
    """Of a file that was given its place, nothing is left to remove."""
    with suppress(OSError):  # nobody wants any more what cannot be written
        file.close()
    with suppress(OSError):
        Path(file.name).unlink(missing_ok=True)
