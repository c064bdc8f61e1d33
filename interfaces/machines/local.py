"""The connection `local`: this very computer, through real shells.

Each shell is a session of its own, so neither Ctrl-C nor a signal to our process group reaches what
it started. It is given a login's environment, not ours: ours may hold secrets.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self

from events.machines import MachineSettings
from interfaces.machines.connection import (
    MIB,
    CommandCut,
    Completed,
    FileMissing,
    MachineError,
    Unreachable,
)
from interfaces.machines.framing import Frame
from managers.files import create, settle

_LOGIN = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER")


def local(settings: MachineSettings) -> "LocalConnection":
    """What the entry point `local` of `vestec.connections` names."""
    return LocalConnection()


class LocalConnection:
    """Runs scripts on this computer, at most `sessions` at once."""

    def __init__(self, sessions: int = 8) -> None:
        self._sessions = asyncio.Semaphore(sessions)
        self._environment = {name: os.environ[name] for name in _LOGIN if name in os.environ}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        """As `Connection.run`; a cut script is killed, what it had detached lives on."""
        async with self._sessions:
            transport, shell = await self._shell()
            try:
                async with asyncio.timeout(deadline):
                    return await shell.converse(Frame(script), output_limit)
            except TimeoutError:
                raise CommandCut(f"a command had not ended after {deadline:g} s") from None
            finally:
                await shell.end(transport)

    async def put(self, path: PurePosixPath, chunks: AsyncIterable[bytes]) -> None:
        """As `Connection.put`."""
        place = Path(path)
        part = place.with_name(f".part-{secrets.token_hex(8)}")
        try:
            file = await asyncio.to_thread(create, part)
            with file:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(settle, file, place)
        except OSError as error:
            raise MachineError(f"cannot write {place}: {error.strerror}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink()

    async def get(self, path: PurePosixPath) -> AsyncIterator[bytes]:
        """As `Connection.get`."""
        try:
            file = await asyncio.to_thread(Path(path).open, "rb")
        except OSError as error:
            raise FileMissing(f"cannot read {path}: {error.strerror}") from error
        with file:
            while chunk := await asyncio.to_thread(_read, file):
                yield chunk

    async def _shell(self) -> "tuple[asyncio.SubprocessTransport, _Shell]":
        loop = asyncio.get_running_loop()
        try:
            return await loop.subprocess_exec(
                lambda: _Shell(loop),
                "/bin/sh",
                "-s",
                cwd="/",
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            raise Unreachable(f"cannot start /bin/sh here: {error.strerror}") from error


class _Shell(SubprocessStreamProtocol):
    """One shell process; its end is its exit, whoever still holds its pipes open."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=MIB, loop=loop)
        self._exited = asyncio.Event()
        self._answered = False

    def process_exited(self) -> None:
        super().process_exited()
        self._exited.set()

    async def converse(self, frame: Frame, output_limit: int) -> Completed:
        assert self.stdin
        assert self.stdout
        assert self.stderr
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.stdin.write(frame.encode())
            await self.stdin.drain()
            self.stdin.close()
        answer = await frame.decode(self.stdout, self.stderr, output_limit)
        self._answered = True
        return answer

    async def end(self, transport: asyncio.SubprocessTransport) -> None:
        """A shell that answered exits by itself; any other is killed with what it started."""
        if not self._answered and not self._exited.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(transport.get_pid(), signal.SIGKILL)
        await self._exited.wait()
        transport.close()


def _read(file: IO[bytes]) -> bytes:
    try:
        return file.read(MIB)
    except OSError as error:
        raise MachineError(f"cannot read {file.name}: {error.strerror}") from error
