"""The connection `ssh` as everything else sees it."""

import asyncio
import random
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Self

import structlog

from interfaces.machines.connection import MIB, Completed, LoginNeeded
from interfaces.machines.connections.framing import Frame
from interfaces.machines.connections.remote_files import RemoteFiles, ShellTransfer, Transfer
from interfaces.machines.connections.ssh.access import SshAccess
from interfaces.machines.connections.ssh.certificates import warning
from interfaces.machines.connections.ssh.login import Line, Login
from interfaces.machines.connections.ssh.session import converse
from interfaces.machines.connections.ssh.sftp import NoSftp, SftpTransfer

_log = structlog.get_logger()


class SshConnection:
    """Scripts and files by one connection, made when it is first needed and again when it is lost.

    Files go by a second one where the centre has hosts for them.
    """

    def __init__(self, access: SshAccess, chance: random.Random | None = None) -> None:
        chance = chance or random.Random()
        self._access = access
        self._shell = Login(access, access.host, chance)
        self._files = (
            Login(access, access.transfer_host, chance) if access.transfer_host else self._shell
        )
        self._moving = asyncio.Semaphore(max(1, access.sessions // 2))
        self._without_sftp: Line | None = None
        self._refused = ""
        self.shell_startup: float | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._shell.close()
        await self._files.close()

    @property
    def notice(self) -> str:
        """What somebody should do before long; empty: nothing."""
        named = self._access.certificate
        certificates = self._shell.certificates if named is None else [named]
        return next(filter(None, map(warning, certificates)), "")

    @property
    def piece(self) -> int | None:
        """As the newest file went."""
        return None if self._without_sftp is None else ShellTransfer.piece

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        """As `Connection.run`; what a cut script runs is killed, what it had detached lives on."""
        line = await self._line(self._shell)
        answer, self.shell_startup = await converse(line, Frame(script), deadline, output_limit)
        return answer

    async def put(self, path: PurePosixPath, chunks: AsyncIterable[bytes]) -> None:
        """As `Connection.put`."""
        await RemoteFiles(self.run, self._transfer).put(path, chunks)

    def get(
        self, path: PurePosixPath, *, within: PurePosixPath, limit: int
    ) -> AsyncIterator[bytes]:
        """As `Connection.get`."""
        return RemoteFiles(self.run, self._transfer).get(path, within=within, limit=limit)

    @asynccontextmanager
    async def _transfer(self) -> AsyncIterator[Transfer]:
        """Not more of them than leave room for commands.

        One that has the only session lets them in between: SFTP would keep it to the end.
        """
        async with self._moving, AsyncExitStack() as stack:
            transfer: Transfer = ShellTransfer(self.run)
            line = await self._line(self._files)
            in_the_way = line.places.single and self._files is self._shell
            if line is not self._without_sftp and not in_the_way:
                sftp = SftpTransfer(partial(self._line, self._files))
                try:
                    transfer = await stack.enter_async_context(sftp)
                except NoSftp as error:
                    _log.warning("files go through the shell", reason=str(error))
                    self._without_sftp = line
            yield transfer

    async def _line(self, login: Login) -> Line:
        """Once a login was refused, no host of the machine is asked any more."""
        if self._refused:
            raise LoginNeeded(self._refused)
        try:
            return await login.line()
        except LoginNeeded as error:
            self._refused = str(error)
            raise
