"""Files of a machine that is elsewhere, whatever carries their bytes there.

Its shell looks at what lies in a place before anybody opens it, and gives what was written its
place after it has seen that it is the same. What is cut in between goes on where it was; what was
written by a process that died is compared, block by block, and not sent again.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from interfaces.machines.connection import (
    MIB,
    CommandCut,
    Completed,
    FileUnfit,
    LoginNeeded,
    MachineError,
    Unreachable,
    too_large,
)
from interfaces.machines.connections.file_commands import (
    BLOCK,
    Begin,
    Drop,
    Look,
    Settle,
    Why,
    reason,
)
from interfaces.machines.dialect import Command
from interfaces.machines.scripts.layout import quoted

R = TypeVar("R")

_DEADLINE = 60.0
_CARRYING = 480.0
"""Seconds that a block may take through the shell."""
_CHECKING = 600.0
"""Seconds that the digest of a large file may take."""
_PATIENCE = (0.5, 2.0, 8.0)
"""Seconds before each new try of what was cut."""


class Transfer(Protocol):
    """Carries the bytes of one file. Raises `Unreachable`, `CommandCut`, other `MachineError`s.

    What was cut may be repeated.
    """

    piece: int
    """Bytes that it carries at a time, at most."""

    async def write(self, part: PurePosixPath, at: int, data: bytes) -> None:
        """Write into a file that exists."""
        ...

    async def finish(self, part: PurePosixPath) -> None:
        """See that a file outlives a loss of power, where that can be asked for."""
        ...

    async def read(self, place: PurePosixPath, at: int, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        ...


class Run(Protocol):
    """`Connection.run`."""

    def __call__(
        self, script: str, *, deadline: float, output_limit: int = MIB
    ) -> Awaitable[Completed]: ...


class RemoteFiles:
    """`put` and `get` of a `Connection`."""

    def __init__(
        self, run: Run, transfer: Callable[[], AbstractAsyncContextManager[Transfer]]
    ) -> None:
        self._run, self._transfer = run, transfer

    async def put(self, path: PurePosixPath, chunks: AsyncIterable[bytes]) -> None:
        """As `Connection.put`."""
        part = path.with_name(f".part-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}")
        try:
            known = await self._ask(Begin(part, path), _CHECKING)
            try:
                digest, size = await self._write(part, chunks, known)
            except (Unreachable, CommandCut):
                raise
            except MachineError as error:  # what carries bytes seldom says why it cannot
                raise await self._ask(Why(part, path, str(error))) from error
            await _insisting(lambda: self._ask(Settle(part, path, digest, size), _CHECKING))
        except (Unreachable, CommandCut, asyncio.CancelledError):
            raise  # whoever tries again goes on with what is there
        except BaseException:
            with suppress(MachineError):
                await self._ask(Drop(part))
            raise

    async def get(
        self, path: PurePosixPath, *, within: PurePosixPath, limit: int
    ) -> AsyncIterator[bytes]:
        """As `Connection.get`; a file that is another one after a cut is not gone on with."""
        look = Look(path, within, limit)
        seen = await self._ask(look)
        async with self._transfer() as transfer:
            at, tries = 0, iter(_PATIENCE)
            while True:
                try:
                    chunk = await transfer.read(seen.place, at, transfer.piece)
                except (Unreachable, CommandCut) as cut:
                    await _wait(tries, cut)
                    if (await self._ask(look)).file != seen.file:
                        raise MachineError(f"cannot read {path}: it is being replaced") from cut
                    continue
                at += len(chunk)
                if at > limit:  # it may grow while it is read
                    raise FileUnfit(too_large(at, limit))
                if not chunk:
                    return
                yield chunk

    async def _write(
        self, part: PurePosixPath, chunks: AsyncIterable[bytes], known: Sequence[str]
    ) -> tuple[str, int]:
        """The digest and the size of what is there now; `known` are digests of its first blocks."""
        digest, at, expected = hashlib.sha256(), 0, iter(known)
        async with self._transfer() as transfer:
            async for chunk in _in_blocks(chunks):
                digest.update(chunk)
                there = next(expected, None)
                if there is not None and there == hashlib.sha256(chunk).hexdigest():
                    at += len(chunk)
                    continue
                for begin in range(0, len(chunk), transfer.piece):
                    data = chunk[begin : begin + transfer.piece]
                    await _insisting(lambda: transfer.write(part, at, data))  # noqa: B023
                    at += len(data)
            await _insisting(lambda: transfer.finish(part))
        return digest.hexdigest(), at

    async def _ask(self, command: Command[R], deadline: float = _DEADLINE) -> R:
        return command.parse(await self._run(command.script(), deadline=deadline))


class ShellTransfer:
    """Carries bytes through the shell itself, where there is nothing better."""

    piece = BLOCK

    def __init__(self, run: Run) -> None:
        self._run = run

    async def write(self, part: PurePosixPath, at: int, data: bytes) -> None:
        text = base64.b64encode(data).decode()
        await self._do(
            f"printf %s {text} | base64 -d | dd of={quoted(part)} bs=1M iflag=fullblock"
            f" oflag=seek_bytes seek={at} conv=notrunc status=none"
        )

    async def finish(self, part: PurePosixPath) -> None:
        await self._do(
            f"test ! -e {quoted(part)} ||"
            f" dd if=/dev/null of={quoted(part)} conv=notrunc,fsync status=none"
        )

    async def read(self, place: PurePosixPath, at: int, size: int) -> bytes:
        text = await self._do(
            f"dd if={quoted(place)} bs=1M skip={at} count={size} status=none"
            " iflag=skip_bytes,count_bytes,fullblock,nonblock,nofollow | base64 -w 0"
        )
        return base64.b64decode(text)

    async def _do(self, script: str) -> str:
        """What it writes; `dd` tells of trouble only there, since the pipe's end has the status."""
        done = await self._run(script, deadline=_CARRYING, output_limit=2 * BLOCK)
        if done.exit_status or done.stderr.strip():
            raise MachineError(f"cannot move a file: {reason(done.stderr)}")
        return done.stdout


async def _in_blocks(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes: whole blocks, and the rest."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    yield bytes(held)


async def _insisting(action: Callable[[], Awaitable[R]]) -> R:
    """Its result, though it is cut some times."""
    tries = iter(_PATIENCE)
    while True:
        try:
            return await action()
        except (Unreachable, CommandCut) as cut:
            await _wait(tries, cut)


async def _wait(tries: Iterator[float], cut: MachineError) -> None:
    """A pause before the next try; raises what happened when there is none, or it is of no use."""
    pause = next(tries, None)
    if pause is None or isinstance(cut, LoginNeeded):
        raise cut
    await asyncio.sleep(pause)
