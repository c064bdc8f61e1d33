"""The connection `openssh`: it goes where a person logged in to, and nowhere else."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from events.jobs import RelativePath
from events.machines import MachineSettings
from interfaces.machines.budget import Budget, Kind
from interfaces.machines.connection import MIB, CommandCut, LoginNeeded, Unreachable
from interfaces.machines.connections.openssh import (
    OpensshAccess,
    OpensshConnection,
    command,
    login_command,
)
from interfaces.machines.connections.openssh_login import log_in as log_in_asking
from interfaces.machines.dialects.processes import processes
from interfaces.machines.scripts.layout import layout_of
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.testing import TOKEN
from tests.patience import PATIENCE
from tests.room import short_folder
from tests.sshd import Sshd, make_key

Servers = Callable[..., Sshd]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Whose path is short enough for sockets."""
    with short_folder() as folder:
        yield folder


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


async def test_who_is_cancelled_leaves_no_question_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {asked}.new\nmv {asked}.new {asked}\nexec sleep 1000\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    connection = OpensshConnection("cluster", OpensshAccess(host="cluster"))
    asking = asyncio.create_task(connection.logged_in())
    async with asyncio.timeout(PATIENCE):
        while not asked.exists():
            await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()
    with pytest.raises(ProcessLookupError):
        os.kill(int(asked.read_text()), 0)


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
        async with asyncio.timeout(PATIENCE):
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


async def test_a_server_with_fewer_sessions_than_we_may_have_is_respected(
    sshds: Servers, folder: Path
) -> None:
    with sshds("MaxSessions 3") as server:
        access = access_to(server, folder)
        log_in(access)
        connection = OpensshConnection("cluster", access)
        for _ in range(2):
            answers = await asyncio.gather(
                *(said(connection, "sleep 1; echo here") for _ in range(8))
            )
            assert answers == ["here\n"] * 8
        assert "no more sessions" in server.log()
        hung = [connection.run("exec sleep 600", deadline=1) for _ in range(4)]
        cut = await asyncio.gather(*hung, return_exceptions=True)
        assert [type(one) for one in cut] == [CommandCut] * 4
        answers = await asyncio.gather(*(said(connection) for _ in range(8)))
        assert answers == ["here\n"] * 8, "what was cut holds no session"
        log_out(access)


async def test_a_file_costs_as_many_commands_as_carry_it(sshds: Servers, folder: Path) -> None:
    data, name = os.urandom(20 * MIB), RelativePath("film")

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(data), MIB):
            yield data[at : at + MIB]

    with sshds() as server:
        access, budget = access_to(server, folder), Budget()
        log_in(access)
        settings = MachineSettings(name="m", base_directory=str(folder / "base"))
        system = ShellBatchSystem(
            OpensshConnection("m", access),
            processes(settings),
            layout_of(settings),
            toll=budget.spend,
        )
        await system.prepare(TOKEN, {name: chunks()})
        assert budget.spent.commands[Kind.FILE] == 3
        assert server.log().count("Starting session") < 10
        back = b"".join([chunk async for chunk in system.fetch(TOKEN, name, len(data))])
        assert back == data
        assert budget.spent.commands[Kind.FILE] == 6
        log_out(access)


PASSPHRASE = "correct horse 'battery' $(staple)"


class Person:
    """Knows what is wanted, or does not."""

    def __init__(self, passphrase: str = PASSPHRASE) -> None:
        self.passphrase = passphrase
        self.asked: list[str] = []

    async def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        return "yes" if "yes/no" in prompt else self.passphrase


def guarded(server: Sshd, folder: Path) -> OpensshAccess:
    """A way with a key that has a passphrase, to a host whose key nobody knows."""
    make_key(server.folder / "user", "-N", PASSPHRASE)
    (server.folder / "authorized_keys").write_text(server.public("user"))
    (server.folder / "known_hosts").write_text("")
    return access_to(server, folder)


async def test_prompts_are_answered_elsewhere(sshds: Servers, folder: Path) -> None:
    with sshds() as server:
        access, person = guarded(server, folder), Person()
        await log_in_asking(access, person)
        assert "authenticity of host" in person.asked[0]
        assert "Enter passphrase for key" in person.asked[1]
        assert await said(OpensshConnection("cluster", access)) == "here\n"
        await log_in_asking(access, person)
        assert len(person.asked) == 2
        log_out(access)


async def test_a_wrong_answer_is_told_as_ssh_does(sshds: Servers, folder: Path) -> None:
    with sshds() as server:
        access = guarded(server, folder)
        with pytest.raises(LoginNeeded, match="Permission denied"):
            await log_in_asking(access, Person("a guess"))
        assert not await OpensshConnection("cluster", access).logged_in()


async def test_nobody_waits_for_ever_for_an_answer(sshds: Servers, folder: Path) -> None:
    async def absent(_prompt: str) -> str:
        await asyncio.Event().wait()
        raise AssertionError("nobody came")

    async def gone(_prompt: str) -> str:
        raise ConnectionError("the client is gone")

    with sshds() as server:
        access = guarded(server, folder)
        with pytest.raises(LoginNeeded, match="after 1 s"):
            await log_in_asking(access, absent, within=1)
        with pytest.raises(ConnectionError, match="the client is gone"):
            await log_in_asking(access, gone)
        assert "Accepted" not in server.log()
