"""The connection `openssh`: the system's own `ssh`, over a connection that a person logged in.

For centres that want a second factor, Kerberos or a program of their own in between. The master
process keeps the connection, and outlives ours. Nothing here ever logs in: where there is no
master, a login is needed (`vestec machines login`).
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from pathlib import PurePosixPath
from typing import Annotated, Self

from pydantic import Field

from events.entry import AtMost
from events.machines import MachineSettings
from interfaces.machines.connection import (
    MIB,
    CommandCut,
    Completed,
    LoginNeeded,
    MachineError,
    Unreachable,
)
from interfaces.machines.connections.access import Access, Path, access_of
from interfaces.machines.connections.framing import Frame, kill_script
from interfaces.machines.connections.places import Patience, Places
from interfaces.machines.connections.remote_files import RemoteFiles, ShellTransfer, Transfer
from interfaces.machines.connections.shell_process import ShellProcess, login_environment, started

_CHECKING = 10.0
_KILLING = 5.0
_WITHOUT_MASTER = b"UNKNOWN port 65535"
"""What `ssh` complains of when it could not go through the master, and is kept from another way."""
_REFUSED = b"Session open refused by peer"
"""What it says before, where the master is there and the server has no more sessions for it."""


class OpensshAccess(Access):
    """What `ssh` is called with; all the rest is said in its own configuration."""

    host: str = Field(pattern=r"^[^\s@-][^\s@]*$")
    """The host, as the configuration of `ssh` knows it."""
    user: str | None = Field(default=None, pattern=r"^[^\s@-][^\s@]*$")
    """The account; if it is not said here, as the configuration has it."""
    port: int | None = Field(default=None, gt=0, lt=65536)
    """If it is not said here, as the configuration has it."""
    config: Path | None = None
    """Another configuration than the user's and the computer's."""
    socket: Path = "~/.ssh/vestec-%C"
    """Where the master listens, `%C` being made of host, port and user."""
    sessions: Annotated[int, AtMost(1000)] = Field(default=8, gt=0)
    """At once on the one connection; a usual server refuses the eleventh."""


def openssh(settings: MachineSettings) -> "OpensshConnection":
    """What the entry point `openssh` of `vestec.connections` names; raises `WrongSettings`."""
    return OpensshConnection(settings.name, access_of(settings, OpensshAccess))


class _Refused(Unreachable):
    """There are sessions, but no more."""


class OpensshConnection:
    """Scripts, and files through scripts, over the connection that a master has."""

    def __init__(self, name: str, access: OpensshAccess) -> None:
        self._name, self._access = name, access
        self._places = Places(access.host, access.sessions)
        self._moving = asyncio.Semaphore(max(1, access.sessions // 2))
        self._killing = asyncio.Lock()
        self._environment = login_environment()
        self.shell_startup: float | None = None

    @property
    def notice(self) -> str:
        return ""

    @property
    def piece(self) -> int:
        return ShellTransfer.piece

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """The master stays: nobody could log in again by himself."""

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        """As `Connection.run`; what a cut script runs is killed, what it had detached lives on."""
        places, patience = self._places, Patience()
        async with places.one():
            while True:
                if not await self.logged_in():
                    host, name = self._access.host, self._name
                    self._places = Places(host, self._access.sessions)  # the next may have more
                    complaint = f"nobody is logged in to {host}: vestec machines login {name}"
                    raise LoginNeeded(complaint)
                try:
                    return await self._converse(places, script, deadline, output_limit)
                except _Refused as refused:
                    await places.refused(patience, str(refused))

    async def put(self, path: PurePosixPath, chunks: AsyncIterable[bytes]) -> None:
        """As `Connection.put`."""
        await RemoteFiles(self.run, self._transfer).put(path, chunks)

    def get(
        self, path: PurePosixPath, *, within: PurePosixPath, limit: int
    ) -> AsyncIterator[bytes]:
        """As `Connection.get`."""
        return RemoteFiles(self.run, self._transfer).get(path, within=within, limit=limit)

    async def logged_in(self) -> bool:
        """Whether there is a master; nobody else is asked."""
        try:
            check = await asyncio.create_subprocess_exec(
                *command(self._access, "-O", "check"),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise Unreachable(f"cannot start ssh here: {error.strerror}") from error
        try:
            async with asyncio.timeout(_CHECKING):
                return await check.wait() == 0
        except TimeoutError:
            raise Unreachable(f"the connection to {self._access.host} does not answer") from None
        finally:
            if check.returncode is None:
                check.kill()
                await check.wait()

    async def _converse(
        self, places: Places, script: str, deadline: float, output_limit: int
    ) -> Completed:
        clock, session = asyncio.get_running_loop().time, ExitStack()
        begin, process = clock(), 0

        def begun(number: int) -> None:
            nonlocal process
            process, self.shell_startup = number, clock() - begin
            session.enter_context(places.session())

        answered = False
        try:
            async with self._shell() as shell:
                try:
                    async with asyncio.timeout(deadline):
                        answer = await shell.converse(Frame(script), output_limit, begun)
                    answered = True
                    return answer
                except TimeoutError:
                    raise CommandCut(f"a command had not ended after {deadline:g} s") from None
                except CommandCut as cut:
                    if not process and _WITHOUT_MASTER in shell.complaint:
                        said = shell.complaint.decode(errors="replace").splitlines()[0]
                        if _REFUSED in shell.complaint:
                            raise _Refused(said) from cut
                        raise Unreachable(f"{self._access.host} opens no session: {said}") from cut
                    raise
        finally:
            session.close()
            if process and not answered:
                await self._kill(process)

    async def _kill(self, process: int) -> None:
        async with self._killing:  # there is one session for that
            with suppress(MachineError, TimeoutError):
                async with asyncio.timeout(_KILLING), self._shell() as shell:
                    await shell.converse(Frame(kill_script(process)), 1000)

    def _shell(self) -> AbstractAsyncContextManager[ShellProcess]:
        """Through the master or not at all; `ssh` would wait for all who hold the shell's pipes."""
        only = ("BatchMode=yes", "ControlMaster=no", "ProxyCommand=false", "RemoteCommand=none")
        options = [word for one in only for word in ("-o", one)]
        words = [*command(self._access, "-T", *options), "exec /bin/sh -s"]
        return started(words, self._environment, patient=False)

    @asynccontextmanager
    async def _transfer(self) -> AsyncIterator[Transfer]:
        """Not more of them than leave room for commands."""
        async with self._moving:
            yield ShellTransfer(self.run)


def command(access: OpensshAccess, *options: str) -> list[str]:
    """`ssh` with options, to the machine's host."""
    found = ["ssh", "-S", access.socket, *options]
    if access.config is not None:
        found += ["-F", access.config]
    if access.port is not None:
        found += ["-p", str(access.port)]
    if access.user is not None:
        found += ["-l", access.user]
    return [*found, "--", access.host]


def login_command(access: OpensshAccess) -> list[str]:
    """What a person runs, who is asked what the centre wants to know; nothing of it is stored."""
    return command(
        access,
        "-M", "-f", "-N",
        "-o", "ControlPersist=yes",
        "-o", "StrictHostKeyChecking=ask",
        "-o", "ServerAliveInterval=15",
        "-o", "ServerAliveCountMax=3",
    )  # fmt: skip
