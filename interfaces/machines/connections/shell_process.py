"""A process of this computer that is a shell, or leads to one; it is given a login's environment.

Each is a session of its own, so neither Ctrl-C nor a signal to our process group reaches what it
started. Our environment may hold secrets: it is not given on.
"""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from interfaces.machines.connection import MIB, Completed, Unreachable
from interfaces.machines.connections.framing import Begun, Frame

_LOGIN = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "SSH_AUTH_SOCK", "TMPDIR", "USER")
_HEAD = 4096
_DYING = 10.0
"""Seconds; longer nobody waits for one that a file system which is away keeps from dying."""


def login_environment() -> dict[str, str]:
    """What a login would have of ours."""
    return {name: os.environ[name] for name in _LOGIN if name in os.environ}


@asynccontextmanager
async def started(
    command: Sequence[str], environment: dict[str, str], *, patient: bool = True
) -> AsyncIterator["ShellProcess"]:
    """A shell that waits for its script; raises `Unreachable` where it cannot be started.

    One that answered exits by itself, and is waited for if we are patient. One that did not is
    killed with what it started.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, shell = await loop.subprocess_exec(
            lambda: ShellProcess(loop), *command, cwd="/", env=environment, start_new_session=True
        )
    except OSError as error:
        raise Unreachable(f"cannot start {command[0]} here: {error.strerror}") from error
    try:
        yield shell
    finally:
        await shell.end(transport, patient)


class ShellProcess(SubprocessStreamProtocol):
    """Its end is its exit, whoever still holds its pipes open."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=MIB, loop=loop)
        self._exited = asyncio.Event()
        self._answered = False
        self.complaint = bytearray()
        """The beginning of what it wrote to its standard error."""

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        super().pipe_data_received(fd, data)
        if fd == 2 and isinstance(data, bytes) and len(self.complaint) < _HEAD:
            self.complaint += data[:_HEAD]

    def process_exited(self) -> None:
        super().process_exited()
        self._exited.set()

    async def converse(
        self, frame: Frame, output_limit: int, begun: Begun = lambda process: None
    ) -> Completed:
        """The answer to a script, as `Frame.decode` has it."""
        assert self.stdin
        assert self.stdout
        assert self.stderr
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.stdin.write(frame.encode())
            await self.stdin.drain()
            self.stdin.close()
        answer = await frame.decode(self.stdout, self.stderr, output_limit, begun)
        self._answered = True
        return answer

    async def end(self, transport: asyncio.SubprocessTransport, patient: bool) -> None:
        """See that nothing of it is left."""
        ends_itself = self._answered and patient
        if not ends_itself and not self._exited.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(transport.get_pid(), signal.SIGKILL)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if ends_itself else _DYING):
                    await self._exited.wait()
        finally:
            transport.close()  # which kills it where we are cancelled once more
