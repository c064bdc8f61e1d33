"""The connection `local`: this very computer, through real shells."""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, ParamSpec, Self, TypeVar

from events.machines import MachineSettings
from interfaces.machines.connection import (
    MIB,
    CommandCut,
    Completed,
    FileUnfit,
    MachineError,
    away,
    not_a_file,
    too_large,
    unreadable,
    unwritable,
)
from interfaces.machines.connections.access import Access, access_of
from interfaces.machines.connections.framing import Frame
from interfaces.machines.connections.shell_process import login_environment, started
from managers.files import Draft, beside

P = ParamSpec("P")
R = TypeVar("R")

_FILES = 4
"""Moved at once; a disk that does not answer holds these threads, and nobody else's."""


def local(settings: MachineSettings) -> "LocalConnection":
    """What the entry point `local` of `vestec.connections` names; raises `WrongSettings`."""
    access_of(settings, Access)  # there is nothing that it has to know
    return LocalConnection()


class LocalConnection:
    """Runs scripts on this computer, at most `sessions` at once."""

    def __init__(self, sessions: int = 8) -> None:
        self._sessions = asyncio.Semaphore(sessions)
        self._files = ThreadPoolExecutor(_FILES, thread_name_prefix="files")
        self._environment = login_environment()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    @property
    def shell_startup(self) -> float | None:
        """It reads no start-up files."""
        return None

    @property
    def notice(self) -> str:
        return ""

    @property
    def piece(self) -> None:
        return None

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        """As `Connection.run`; a cut script is killed, what it had detached lives on."""
        async with self._sessions, started(("/bin/sh", "-s"), self._environment) as shell:
            try:
                async with asyncio.timeout(deadline):
                    return await shell.converse(Frame(script), output_limit)
            except TimeoutError:
                raise CommandCut(f"a command had not ended after {deadline:g} s") from None

    async def put(self, path: PurePosixPath, chunks: AsyncIterable[bytes]) -> None:
        """As `Connection.put`."""
        place = Path(path)
        try:
            async with Draft(beside(place), self._files) as draft:
                async for chunk in chunks:
                    await draft.write(chunk)
                await draft.settle(place)
        except OSError as error:
            raise unwritable(path, error.strerror or str(error)) from error

    async def get(
        self, path: PurePosixPath, *, within: PurePosixPath, limit: int
    ) -> AsyncIterator[bytes]:
        """As `Connection.get`."""
        file = await self._aside(_open, path, within)
        with file:
            size = await self._aside(_size, file)
            while chunk := await self._aside(_read, file, path):
                size = max(size, file.tell())  # it may grow while it is read
                if size > limit:
                    raise FileUnfit(too_large(size, limit))
                yield chunk

    async def _aside(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Its result, from a thread that may block."""
        work = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._files, work)


def _open(path: PurePosixPath, within: PurePosixPath) -> IO[bytes]:
    """Open what really lies there, without waiting for anybody to write into it."""
    try:
        place = Path(os.path.realpath(path, strict=True))
        if not place.is_relative_to(os.path.realpath(within)):
            raise FileUnfit(f"it is a link to {place}, outside of its folder")
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if not Path(within.parent).is_dir():
            raise away(path, within) from error
        raise unreadable(path, error.strerror or str(error)) from error
    if why := not_a_file(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileUnfit(why)
    return os.fdopen(descriptor, "rb", buffering=0)  # closing waits for nobody who still reads


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _read(file: IO[bytes], path: PurePosixPath) -> bytes:
    try:
        return file.read(MIB)
    except OSError as error:
        raise MachineError(f"cannot read {path}: {error.strerror}") from error
