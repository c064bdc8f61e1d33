"""A login by the system's `ssh` whose prompts are answered elsewhere than in its terminal.

`ssh` has its questions asked by a program (`SSH_ASKPASS`); ours brings them here through a socket
in a folder that nobody else can enter, and gives back what was answered. Answers are in no file, no
argument, no environment and no log.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from interfaces.machines.connection import LoginNeeded, Unreachable
from interfaces.machines.connections.openssh import OpensshAccess, OpensshConnection, login_command
from interfaces.machines.connections.shell_process import login_environment
from interfaces.machines.scripts.layout import quoted

WITHIN = 180.0
"""Seconds for a whole login, a person's time to look for a code included."""

Ask = Callable[[str], Awaitable[str]]
"""What somebody answers to a prompt; raises what ends the login."""

_SOCKET = "VESTEC_ASKPASS"
_ASKPASS = f"""
import os, socket, sys
with socket.socket(socket.AF_UNIX) as here:
    here.connect(os.environ["{_SOCKET}"])
    here.sendall(sys.argv[-1].encode() + bytes(1))
    answer = here.makefile("rb").read()
sys.exit(sys.stdout.buffer.write(answer) == 0)
"""
_MOST_PROMPT = 1 << 16
_TOLD = 500
"""Characters of what `ssh` complains of."""


async def log_in(access: OpensshAccess, ask: Ask, within: float = WITHIN) -> None:
    """Log in, unless somebody is; raises `LoginNeeded` with what `ssh` says, or what `ask` raises.

    The connection outlives this process. One that is not there in time is given up.
    """
    if await OpensshConnection("", access).logged_in():
        return
    with TemporaryDirectory(prefix="vestec-login-") as folder:
        complaint = Path(folder, "complaint")
        try:
            async with asyncio.timeout(within):
                status = await _asked(access, ask, Path(folder), complaint)
        except TimeoutError:
            late = f"nobody is logged in to {access.host} after {within:g} s"
            raise LoginNeeded(late) from None
        if status:
            raise LoginNeeded(f"nobody is logged in to {access.host}: {_end_of(complaint)}")


def _end_of(complaint: Path) -> str:
    return " ".join(complaint.read_text(errors="replace").split())[-_TOLD:] or "ssh failed"


async def _asked(access: OpensshAccess, ask: Ask, folder: Path, complaint: Path) -> int:
    """The exit status of `ssh`, which leaves its master behind when it is 0."""
    program, way = folder / "askpass", folder / "prompts"
    program.write_text(f'#!/bin/sh\nexec {quoted(sys.executable)} -I -c {quoted(_ASKPASS)} "$@"\n')
    program.chmod(0o700)
    environment = {
        **login_environment(),
        "SSH_ASKPASS": str(program),
        "SSH_ASKPASS_REQUIRE": "force",
        "DISPLAY": ":0",  # without one, older ssh ask nobody
        _SOCKET: str(way),
    }
    async with _answering(way, ask) as failed:
        with complaint.open("wb") as told:
            try:
                ssh = await asyncio.create_subprocess_exec(
                    *login_command(access),
                    env=environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=told,
                    start_new_session=True,
                )
            except OSError as error:
                raise Unreachable(f"cannot start ssh here: {error.strerror}") from error
        ending = asyncio.ensure_future(ssh.wait())
        try:
            await asyncio.wait({ending, failed}, return_when=asyncio.FIRST_COMPLETED)
            return ending.result() if ending.done() else failed.result()
        finally:
            if ssh.returncode is None:
                os.killpg(ssh.pid, signal.SIGKILL)
            await ending


@asynccontextmanager
async def _answering(way: Path, ask: Ask) -> "AsyncIterator[asyncio.Future[int]]":
    """Prompts that come by a socket are answered, one at a time; a failure to do so is raised."""
    failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    one, answering = asyncio.Lock(), set[asyncio.Task[None] | None]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            prompt = (await reader.readuntil(b"\0"))[:-1].decode(errors="replace")
            async with one:
                writer.write((await ask(prompt)).encode() + b"\n")
            await writer.drain()
        except Exception as error:
            if not failed.done():
                failed.set_exception(error)
        finally:
            answering.discard(asyncio.current_task())
            writer.close()

    server = await asyncio.start_unix_server(answer, way, limit=_MOST_PROMPT)
    try:
        yield failed
    finally:
        server.close()
        for task in answering:
            if task is not None:
                task.cancel()
        if not failed.cancel():
            failed.exception()  # it was raised, or came too late
