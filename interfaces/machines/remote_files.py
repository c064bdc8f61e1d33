"""Files of a machine that is elsewhere, whatever carries their bytes there.

Its shell looks at what lies in a place before anybody opens it, and gives what was written its
place after it has seen that it is the same. What is cut in between goes on where it was.
"""

import asyncio
import base64
import errno
import hashlib
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
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
    away,
    not_a_file,
    too_large,
    unreadable,
    unwritable,
)
from interfaces.machines.dialect import Command
from interfaces.machines.layout import quoted

R = TypeVar("R")

_DEADLINE = 60.0
_CHECKING = 600.0
"""Seconds that the digest of a large file may take."""
_PATIENCE = (0.5, 2.0, 8.0)
"""Seconds before each new try of what was cut."""
_UNSEEN, _DAMAGED = 73, 74


class Transfer(Protocol):
    """Carries the bytes of one file. Raises `Unreachable`, `CommandCut`, other `MachineError`s.

    What was cut may be repeated.
    """

    async def write(self, part: PurePosixPath, at: int, data: bytes) -> None:
        """Write into a file that exists."""
        ...

    async def finish(self) -> None:
        """See that what was written outlives a loss of power, where that can be asked for."""
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
        part = path.with_name(f".part-{secrets.token_hex(8)}")
        await self._ask(_Begin(part, path))
        try:
            try:
                digest = await self._write(part, chunks)
            except (Unreachable, CommandCut):
                raise
            except MachineError as error:  # what carries bytes seldom says why it cannot
                raise await self._ask(_Why(part, path, str(error))) from error
            await _insisting(lambda: self._ask(_Settle(part, path, digest), _CHECKING))
        except BaseException:
            with suppress(MachineError):
                await self._ask(_Drop(part))
            raise

    async def get(
        self, path: PurePosixPath, *, within: PurePosixPath, limit: int
    ) -> AsyncIterator[bytes]:
        """As `Connection.get`; a file that is another one after a cut is not gone on with."""
        look = _Look(path, within, limit)
        seen = await self._ask(look)
        async with self._transfer() as transfer:
            at, tries = 0, iter(_PATIENCE)
            while True:
                try:
                    chunk = await transfer.read(seen.place, at, MIB)
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

    async def _write(self, part: PurePosixPath, chunks: AsyncIterable[bytes]) -> str:
        digest, at = hashlib.sha256(), 0
        async with self._transfer() as transfer:
            async for chunk in chunks:
                digest.update(chunk)
                for begin in range(0, len(chunk), MIB):
                    data = chunk[begin : begin + MIB]
                    await _insisting(lambda: transfer.write(part, at, data))  # noqa: B023
                    at += len(data)
            await _insisting(transfer.finish)
        return digest.hexdigest()

    async def _ask(self, command: Command[R], deadline: float = _DEADLINE) -> R:
        return command.parse(await self._run(command.script(), deadline=deadline))


class ShellTransfer:
    """Carries bytes through the shell itself, where there is nothing better."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._part: PurePosixPath | None = None

    async def write(self, part: PurePosixPath, at: int, data: bytes) -> None:
        self._part = part
        text = base64.b64encode(data).decode()
        await self._do(
            f"printf %s {text} | base64 -d | dd of={quoted(part)} bs=1M iflag=fullblock"
            f" oflag=seek_bytes seek={at} conv=notrunc status=none"
        )

    async def finish(self) -> None:
        if self._part is not None:
            await self._do(
                f"dd if=/dev/null of={quoted(self._part)} conv=notrunc,fsync status=none"
            )

    async def read(self, place: PurePosixPath, at: int, size: int) -> bytes:
        text = await self._do(
            f"dd if={quoted(place)} bs=1M skip={at} count={size} status=none"
            " iflag=skip_bytes,count_bytes,fullblock,nonblock,nofollow | base64 -w 0"
        )
        return base64.b64decode(text)

    async def _do(self, script: str) -> str:
        """What it writes; `dd` tells of trouble only there, since the pipe's end has the status."""
        done = await self._run(script, deadline=_DEADLINE, output_limit=2 * MIB)
        if done.exit_status or done.stderr.strip():
            raise MachineError(f"cannot move a file: {_reason(done.stderr)}")
        return done.stdout


@dataclass(frozen=True)
class _Seen:
    """A regular file."""

    place: PurePosixPath
    """Where it really lies."""
    file: str
    """The same as long as it is the same file."""


@dataclass(frozen=True)
class _Look:
    path: PurePosixPath
    within: PurePosixPath
    limit: int

    def script(self) -> str:
        """A name may end in a newline, so a stroke is put behind it while the shell has it."""
        return f"""
place=$(realpath -e -- {quoted(self.path)} 2>&1 && echo /) || {{
    test -d {quoted(self.within.parent)} || {{ printf lost; exit 0; }}
    printf 'none\\t%s' "$place"; exit 0
}}
within=$(realpath -e -- {quoted(self.within)} && echo /) || exit
place=${{place%?/}} within=${{within%?/}}
case $place in
    "$within"/*)
        stat --printf='there\\t%f\\t%s\\t%i\\t' -- "$place" || exit
        test -r "$place" && printf 'open\\t' || printf 'shut\\t' ;;
    *) printf 'away\\t' ;;
esac
printf %s "$place" | base64 -w 0
"""

    def parse(self, completed: Completed) -> _Seen:
        if completed.exit_status:
            raise MachineError(f"cannot read {self.path}: {_reason(completed.stderr)}")
        match completed.stdout.split("\t"):
            case ["lost"]:
                raise away(self.path, self.within)
            case ["none", *said]:
                raise unreadable(self.path, _reason("\t".join(said)))
            case ["away", place]:
                raise FileUnfit(f"it is a link to {_path(place)}, outside of its folder")
            case ["there", mode, size, file, access, place]:
                if why := not_a_file(int(mode, 16)):
                    raise FileUnfit(why)
                if access == "shut":
                    raise unreadable(self.path, os.strerror(errno.EACCES))
                if int(size) > self.limit:
                    raise FileUnfit(too_large(int(size), self.limit))
                return _Seen(_path(place), file)
        raise MachineError(f"cannot read {self.path}: {completed.stdout[:200]!r}")


@dataclass(frozen=True)
class _Begin:
    part: PurePosixPath
    path: PurePosixPath

    def script(self) -> str:
        return f"mkdir -p -- {quoted(self.part.parent)} && : >{quoted(self.part)}"

    def parse(self, completed: Completed) -> None:
        if completed.exit_status:
            raise unwritable(self.path, _reason(completed.stderr))


@dataclass(frozen=True)
class _Why:
    part: PurePosixPath
    path: PurePosixPath
    error: str

    def script(self) -> str:
        """Tries to go on writing: a full disk or quota says so."""
        return (
            f"dd if=/dev/zero of={quoted(self.part)} bs=64k count=1 status=none"
            " oflag=append conv=notrunc,fsync"
        )

    def parse(self, completed: Completed) -> MachineError:
        why = _reason(completed.stderr) if completed.exit_status else self.error
        return unwritable(self.path, why)


@dataclass(frozen=True)
class _Settle:
    part: PurePosixPath
    path: PurePosixPath
    digest: str

    def script(self) -> str:
        """May be repeated: what has its place already is the same."""
        part, place = quoted(self.part), quoted(self.path)
        return f"""
same() {{ sum=$(sha256sum <"$1") && test "${{sum%% *}}" = {self.digest}; }}
test -e {part} || {{ same {place} && exit; exit {_UNSEEN}; }}
same {part} || exit {_DAMAGED}
mv -fT -- {part} {place}
"""

    def parse(self, completed: Completed) -> None:
        match completed.exit_status:
            case 0:
                return
            case n if n == _UNSEEN:  # a file system may show a file late to another of its hosts
                raise CommandCut(f"cannot write {self.path}: what was written is not seen there")
            case n if n == _DAMAGED:
                raise MachineError(f"cannot write {self.path}: it arrived damaged")
        raise unwritable(self.path, _reason(completed.stderr))


@dataclass(frozen=True)
class _Drop:
    part: PurePosixPath

    def script(self) -> str:
        return f"rm -f -- {quoted(self.part)}"

    def parse(self, completed: Completed) -> None:
        completed.checked()


def _path(text: str) -> PurePosixPath:
    """A name may hold any bytes."""
    return PurePosixPath(base64.b64decode(text).decode("utf-8", "surrogateescape"))


def _reason(said: str) -> str:
    """The last words of what a command complains of."""
    return said.strip().rpartition(": ")[2] or "nobody says why"


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
