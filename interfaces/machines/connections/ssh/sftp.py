"""The bytes of a file by SFTP: a session of its own for each, opened again when it was cut."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import PurePosixPath
from typing import Self, TypeVar

import asyncssh
from asyncssh.sftp import start_sftp_client

from interfaces.machines.connection import (
    MIB,
    CommandCut,
    FileUnfit,
    MachineError,
    not_a_file,
    unreadable,
)
from interfaces.machines.connections.ssh.login import Line
from interfaces.machines.connections.ssh.session import NotStarted, opened

R = TypeVar("R")
File = asyncssh.SFTPClientFile

_STALLED = 60.0
"""Seconds within which a server answers."""
_STARTING = 10.0
_BLOCK = 32 << 10
"""Bytes of one request, of which many are under way at once; every server takes as many."""


class NoSftp(MachineError):
    """The server has no SFTP, or what start-up files print makes it useless."""


class _NotSupported(MachineError):
    """This server cannot do that."""


class SftpTransfer:
    """As `Transfer`."""

    piece = MIB

    def __init__(self, line: Callable[[], Awaitable[Line]]) -> None:
        self._line = line
        self._session = AsyncExitStack()
        self._client: asyncssh.SFTPClient | None = None
        self._file: File | None = None

    async def __aenter__(self) -> Self:
        """Raises `NoSftp` before anything was moved, so that something else may do it."""
        self._client = await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._drop()

    async def write(self, part: PurePosixPath, at: int, data: bytes) -> None:
        file = self._file or await self._open(part, asyncssh.FXF_WRITE)
        blocks = (file.write(data[n : n + _BLOCK], at + n) for n in range(0, len(data), _BLOCK))
        await self._within(asyncio.gather(*blocks), part)

    async def finish(self, part: PurePosixPath) -> None:
        """Servers that cannot be asked for it are not."""
        file = self._file or await self._open(part, asyncssh.FXF_WRITE)
        with suppress(_NotSupported):
            await self._within(file.fsync(), part)

    async def read(self, place: PurePosixPath, at: int, size: int) -> bytes:
        file = self._file or await self._open(place, asyncssh.FXF_READ)
        blocks = (_block(file, at + n, min(_BLOCK, size - n)) for n in range(0, size, _BLOCK))
        return _joined(await self._within(asyncio.gather(*blocks), place))

    async def _open(self, path: PurePosixPath, flags: int) -> File:
        """What was a file a moment ago may be something else now: it is looked at once more."""
        client = self._client or await self._start()
        self._client = client
        opening = client.open(os.fsencode(path), flags, encoding=None, block_size=0)
        file = await self._within(opening, path)
        mode = (await self._within(file.stat(), path)).permissions
        if mode is not None and (why := not_a_file(mode)):
            raise FileUnfit(why)
        self._file = file
        return file

    async def _start(self) -> asyncssh.SFTPClient:
        """What fails leaves neither its place nor its session taken."""
        try:
            return await self._started()
        except BaseException:
            await self._drop()
            raise

    async def _started(self) -> asyncssh.SFTPClient:
        line = await self._line()
        await self._session.enter_async_context(line.places.one())
        try:
            writer, reader, _ = await opened(line, _STARTING, subsystem="sftp")
        except NotStarted as error:
            raise NoSftp(str(error)) from error
        self._session.enter_context(line.places.session())
        self._session.callback(writer.channel.close)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_STARTING):
                return await start_sftp_client(
                    line.connection, loop, "backslashreplace", reader, writer, None, "strict", 3
                )
        except (OSError, asyncssh.Error) as error:
            if not line.open:
                raise CommandCut("a transfer was cut before it began") from error
            raise NoSftp(f"{line.host} does not speak SFTP as it should: {error}") from error

    async def _within(self, action: Awaitable[R], path: PurePosixPath) -> R:
        try:
            async with asyncio.timeout(_STALLED):
                return await action
        except TimeoutError:
            await self._drop()
            raise CommandCut(f"{path} was not moved on for {_STALLED:g} s") from None
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, OSError) as error:
            await self._drop()
            raise CommandCut(f"the transfer of {path} was cut") from error
        except asyncssh.SFTPPermissionDenied as error:
            raise unreadable(path, os.strerror(errno.EACCES)) from error
        except asyncssh.SFTPLinkLoop as error:
            raise unreadable(path, os.strerror(errno.ELOOP)) from error
        except asyncssh.SFTPOpUnsupported as error:
            raise _NotSupported(str(error)) from error
        except asyncssh.SFTPError as error:
            raise MachineError(f"cannot move {path}: {error.reason}") from error
        except asyncssh.Error as error:
            await self._drop()
            raise CommandCut(f"the transfer of {path} was cut") from error

    async def _drop(self) -> None:
        """The next step opens everything again."""
        self._client = self._file = None
        await self._session.aclose()


async def _block(file: File, at: int, size: int) -> bytes:
    """Fewer bytes only at the end; a server may answer with fewer than it has."""
    data = b""
    while len(data) < size and (more := await file.read(size - len(data), at + len(data))):
        assert isinstance(more, bytes)
        data += more
    return data


def _joined(blocks: Sequence[bytes]) -> bytes:
    """What comes behind an incomplete block was written while it was read."""
    data = bytearray()
    for block in blocks:
        data += block
        if len(block) < _BLOCK:
            break
    return bytes(data)
