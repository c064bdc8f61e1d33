"""One script in one session of a connection: opened, answered, and ended whatever happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncssh
from asyncssh.channel import SSHChannel

from interfaces.machines.connection import CommandCut, Completed, MachineError, Unreachable
from interfaces.machines.connections.framing import Frame, kill_script
from interfaces.machines.connections.places import Patience
from interfaces.machines.connections.ssh.login import Line

SHELL = "exec /bin/sh -s"
"""Understood by every login shell."""
_OPENING = 30.0
"""Seconds within which a server opens a session; it does not wait for any shell to start."""
_KILLING = 5.0
_GONE = (asyncssh.Error, OSError)

Streams = tuple[
    "asyncssh.SSHWriter[bytes]", "asyncssh.SSHReader[bytes]", "asyncssh.SSHReader[bytes]"
]


class NotStarted(Unreachable):
    """The server opens sessions, but not for this."""


@dataclass
class _Beginning:
    """What is seen of a shell when it begins with a script."""

    wanted: float
    seconds: float | None = None
    """From the wish for a session until then, start-up files included."""
    process: int | None = None

    def begun(self, process: int) -> None:
        self.process, self.seconds = process, _now() - self.wanted


async def converse(
    line: Line, frame: Frame, deadline: float, output_limit: int
) -> tuple[Completed, float]:
    """Run a framed script; its answer, and how long the shell took to start.

    Raises `Unreachable` when it has certainly not begun, and `CommandCut`.
    """
    async with line.places.one():
        start, answered = _Beginning(_now()), False
        async with _session(line) as (stdin, stdout, stderr):
            try:
                async with asyncio.timeout(deadline):
                    with suppress(*_GONE):  # then there is no answer either
                        stdin.write(frame.encode())
                        stdin.write_eof()
                    answer = await frame.decode(
                        _Quiet(stdout), _Quiet(stderr), output_limit, start.begun
                    )
                answered = True
                return answer, start.seconds or 0.0
            except TimeoutError:
                raise CommandCut(f"a command had not ended after {deadline:g} s") from None
            finally:
                if not answered and line.open:
                    await _kill(line, stdin.channel, start.process)


@asynccontextmanager
async def _session(line: Line) -> AsyncIterator[Streams]:
    """A shell that waits for its script."""
    streams = await opened(line, _OPENING, command=SHELL)
    with line.places.session():
        try:
            yield streams
        finally:
            streams[0].channel.close()


async def opened(line: Line, within: float, **wanted: str) -> Streams:
    """A new session for a command or a subsystem, as soon as the server has one for us.

    Raises `Unreachable`, and `NotStarted` where there is a session and not what is wanted.
    """
    patience = Patience()
    while True:
        opening = asyncio.ensure_future(line.connection.open_session(encoding=None, **wanted))
        try:
            await asyncio.wait([opening], timeout=within)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)  # though it may be open by now
            raise
        if not opening.done():
            opening.add_done_callback(_close)
            line.close()
            raise Unreachable(f"{line.host} opened no session within {within:g} s")
        try:
            return opening.result()
        except asyncssh.ChannelOpenError as error:
            if not line.open:
                raise Unreachable(f"the connection to {line.host} was lost") from error
            if error.code == asyncssh.OPEN_REQUEST_SESSION_FAILED:
                what = " ".join(wanted.values())
                raise NotStarted(f"{line.host} does not start {what}") from error
            try:
                await line.places.refused(patience, str(error))
            except Unreachable:
                if line.places.used:
                    line.close()  # what nobody could end holds its sessions: the next has others
                raise
        except _GONE as error:
            raise Unreachable(f"{line.host} opens no session: {error}") from error


def _close(opening: "asyncio.Future[Streams]") -> None:
    """A session that opens though nobody waits for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].channel.close()


async def _kill(line: Line, channel: "SSHChannel[bytes]", process: int | None) -> None:
    """End what a cut script runs, as far as the server lets us; servers may ignore signals."""
    if isinstance(channel, asyncssh.SSHClientChannel):
        with suppress(*_GONE):
            channel.kill()
    channel.close()
    if process is None:
        return
    with suppress(MachineError, TimeoutError):
        async with (
            asyncio.timeout(_KILLING),
            line.killing,
            _session(line) as (stdin, stdout, stderr),
        ):
            frame = Frame(kill_script(process))
            stdin.write(frame.encode())
            stdin.write_eof()
            await frame.decode(_Quiet(stdout), _Quiet(stderr), 1000)


class _Quiet:
    """A stream that ends where the connection does."""

    def __init__(self, stream: "asyncssh.SSHReader[bytes]") -> None:
        self._stream = stream

    async def read(self, n: int, /) -> bytes:
        try:
            return await self._stream.read(n)
        except _GONE:
            return b""


def _now() -> float:
    return asyncio.get_running_loop().time()
