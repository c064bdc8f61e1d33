"""The connection `openssh`: it goes where a person logged in to, and nowhere else."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from interfaces.machines.connection import CommandCut, LoginNeeded, Unreachable
from interfaces.machines.openssh import (
    OpensshAccess,
    OpensshConnection,
    command,
    login_command,
)
from tests.sshd import Sshd

Servers = Callable[..., Sshd]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Whose path is short enough for sockets."""
    with TemporaryDirectory(prefix="v", dir="/tmp") as folder:
        yield Path(folder)


def access_to(server: Sshd, folder: Path) -> OpensshAccess:
    config = str(server.openssh_config())
    return OpensshAccess(host="cluster", config=config, socket=str(folder / "%C"))


def log_in(access: OpensshAccess) -> None:
    subprocess.run(login_command(access), check=True)


def log_out(access: OpensshAccess) -> None:
    subprocess.run(command(access, "-O", "exit"), check=True, stderr=subprocess.DEVNULL)


async def said(connection: OpensshConnection, script: str = "echo here") -> str:
    return (await connection.run(script, deadline=10)).checked()


async def test_a_computer_without_ssh_reaches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unreachable, match="cannot start ssh here: No such file"):
        await said(OpensshConnection("cluster", OpensshAccess(host="cluster")))


async def test_nothing_is_tried_where_nobody_is_logged_in(sshds: Servers, folder: Path) -> None:
    with sshds() as server:
        access = access_to(server, folder)
        connection = OpensshConnection("cluster", access)
        for _ in range(2):
            with pytest.raises(LoginNeeded, match="vestec machines login cluster"):
                await said(connection)
        assert "publickey" not in server.log()
        log_in(access)
        assert await said(connection) == "here\n"
        assert connection.shell_startup is not None
        log_out(access)
        with pytest.raises(LoginNeeded):
            await said(connection)
        assert server.log().count("Accepted publickey") == 1


async def test_the_login_outlives_us(sshds: Servers, folder: Path) -> None:
    with sshds() as server:
        access = access_to(server, folder)
        log_in(access)
        for _ in range(2):
            async with OpensshConnection("cluster", access) as connection:
                assert await said(connection) == "here\n"
        log_out(access)


async def test_a_server_killed_under_a_command_leaves_it_unknown(
    sshds: Servers, folder: Path
) -> None:
    with sshds() as server:
        access = access_to(server, folder)
        log_in(access)
        connection = OpensshConnection("cluster", access)
        script = f"touch {folder}/begun; sleep 60"
        running = asyncio.create_task(said(connection, script))
        async with asyncio.timeout(10):
            while not (folder / "begun").exists():
                await asyncio.sleep(0.01)
        server.kill()
        with pytest.raises(CommandCut):
            await running
        with pytest.raises(LoginNeeded):
            await said(connection)


async def test_a_refused_session_has_certainly_not_begun(sshds: Servers, folder: Path) -> None:
    with sshds("MaxSessions 0") as server:
        access = access_to(server, folder)
        log_in(access)
        with pytest.raises(Unreachable, match="opens no session"):
            await said(OpensshConnection("cluster", access))
        log_out(access)
