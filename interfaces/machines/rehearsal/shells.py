"""What a login node gives who is logged in: a real shell, and files by SFTP."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import asyncssh

_CHUNK = 1 << 16
_GONE = (OSError, asyncssh.Error)


class Shells:
    """Runs commands as `sshd` does, in `home`: they go on when who gave them is cut off."""

    def __init__(
        self, home: Path, environment: Mapping[str, str], tasks: asyncio.TaskGroup
    ) -> None:
        self._home, self._environment, self._tasks = home, environment, tasks
        self._started: set[asyncio.subprocess.Process] = set()
        self._closed = False

    def begin(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """In a task of its own: those of a connection end with it."""
        self._tasks.create_task(self._serve(process))

    def close(self) -> None:
        """Kill what still runs, and what is about to."""
        self._closed = True
        for started in self._started:
            _kill(started)

    async def _serve(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        started = await asyncio.create_subprocess_exec(
            "/bin/sh",
            *(("-c", process.command) if process.command else ()),
            cwd=self._home,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._started.add(started)
        if self._closed:
            _kill(started)
        assert started.stdin
        assert started.stdout
        assert started.stderr
        feeding = asyncio.create_task(_feed(process.stdin, started.stdin))
        await asyncio.gather(
            _copy(started.stdout, process.stdout), _copy(started.stderr, process.stderr)
        )
        status = await started.wait()
        self._started.discard(started)
        feeding.cancel()
        with suppress(*_GONE):
            process.exit(status)


def _kill(started: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)


async def _feed(source: "asyncssh.SSHReader[bytes]", shell: asyncio.StreamWriter) -> None:
    """What is typed; a shell that has ended reads no more."""
    with suppress(*_GONE):
        while chunk := await source.read(_CHUNK):
            shell.write(chunk)
            await shell.drain()
    shell.close()


async def _copy(shell: asyncio.StreamReader, target: "asyncssh.SSHWriter[bytes]") -> None:
    """What it writes, to its end, though nobody may be there any more to read it."""
    while chunk := await shell.read(_CHUNK):
        with suppress(*_GONE):
            target.write(chunk)
            await target.drain()


class HomeSftp(asyncssh.SFTPServer):
    """Files below `home` and no others."""

    def __init__(self, home: Path, channel: "asyncssh.SSHServerChannel[bytes]") -> None:
        super().__init__(channel)
        self._home = home.resolve()

    def map_path(self, path: bytes) -> bytes:
        place = (self._home / os.fsdecode(path)).resolve()
        if not place.is_relative_to(self._home):
            raise asyncssh.SFTPPermissionDenied("it lies outside of the home directory")
        return os.fsencode(place)
