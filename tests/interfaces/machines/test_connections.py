"""What every connection promises, of ours; and what needs disks and accounts of a test's own."""

import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.machines.connection import (
    MIB,
    CommandCut,
    Completed,
    Connection,
    FileUnfit,
    NoRoom,
)
from interfaces.machines.connections.local import LocalConnection
from interfaces.machines.connections.openssh import (
    OpensshAccess,
    OpensshConnection,
    command,
    login_command,
)
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from interfaces.machines.scripts.layout import quoted
from interfaces.machines.testing import ConnectionContract
from interfaces.machines.testing.connections import fetched, pieces, run
from tests.account import Login, open_folder
from tests.room import short_folder
from tests.sshd import Sshd
from tests.without import must_have

Servers = Callable[..., Sshd]
Open = Callable[..., Connection]
"""Makes a connection with at most so many sessions."""


def _local(request: pytest.FixtureRequest) -> Open:
    return LocalConnection


def _ssh(request: pytest.FixtureRequest) -> Open:
    server: Sshd = request.getfixturevalue("sshd")
    return lambda sessions=8: SshConnection(SshAccess(**server.access(sessions=sessions)))


def _ssh_without_sftp(request: pytest.FixtureRequest) -> Open:
    server: Sshd = request.getfixturevalue("poor_sshd")
    return lambda sessions=8: SshConnection(SshAccess(**server.access(sessions=sessions)))


@pytest.fixture(scope="module")
def poor_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server without SFTP, where start-up files print and the login shell is another one."""
    greeting = 'echo welcome; echo quota >&2; exec tcsh -c "$SSH_ORIGINAL_COMMAND"'
    lines = ("Subsystem none /bin/false", f"ForceCommand {greeting}")
    with Sshd(tmp_path_factory.mktemp("poor"), *lines) as server:
        yield server


def _openssh(request: pytest.FixtureRequest) -> Open:
    access: OpensshAccess = request.getfixturevalue("master")
    return lambda sessions=8: OpensshConnection(
        "m", access.model_copy(update={"sessions": sessions})
    )


@pytest.fixture(scope="module")
def master(sshd: Sshd) -> Iterator[OpensshAccess]:
    """What a person logged in to."""
    with short_folder() as folder:
        access = OpensshAccess(
            host="cluster", config=str(sshd.openssh_config()), socket=f"{folder}/socket"
        )
        subprocess.run(login_command(access), check=True)
        yield access
        subprocess.run(command(access, "-O", "exit"), check=True, stderr=subprocess.DEVNULL)


class OfOurs(ConnectionContract):
    """Made as `way` makes it."""

    way: ClassVar[Callable[[pytest.FixtureRequest], Open]]

    @pytest.fixture(autouse=True)
    def opening(self, request: pytest.FixtureRequest) -> None:
        self._open = type(self).way(request)

    def connection(self, sessions: int = 8) -> Connection:
        return self._open(sessions)


class TestLocal(OfOurs):
    way = _local


class TestSsh(OfOurs):
    way = _ssh


class TestSshWithoutSftp(OfOurs):
    way = _ssh_without_sftp


class TestOpenssh(OfOurs):
    way = _openssh


@pytest.fixture(params=[_local, _ssh, _ssh_without_sftp, _openssh])
def opened(request: pytest.FixtureRequest) -> Open:
    make: Open = request.param(request)
    return make


@pytest.fixture
async def connection(opened: Open) -> AsyncIterator[Connection]:
    async with opened() as connection:
        yield connection


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
async def test_any_text_is_one_word_to_the_shell(connection: Connection, text: str) -> None:
    answer = await run(connection, f"printf %s {quoted(text)}")
    assert answer.stdout == text


async def test_a_full_disk_is_said(connection: Connection, small_disk: Path) -> None:
    with pytest.raises(NoRoom, match=r"cannot write .*/film: No space left on device"):
        await connection.put(PurePosixPath(small_disk / "film"), pieces(bytes(2 << 20)))
    assert os.listdir(small_disk) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    with must_have("small file systems", subprocess.CalledProcessError):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@contextmanager
def _local_as(user: Login, make: Servers) -> Iterator[Connection]:
    """The whole process is the ordinary user for a while."""
    with must_have("the rights of root", PermissionError):
        os.seteuid(os.stat(user.folder).st_uid)
    try:
        yield LocalConnection()
    finally:
        os.seteuid(os.getuid())


@contextmanager
def _ssh_as(user: Login, make: Servers) -> Iterator[Connection]:
    with make(f"ForceCommand {user.shell(user.folder.parent / 'shell')}") as server:
        yield SshConnection(SshAccess.model_validate(server.access()))


@contextmanager
def _openssh_as(user: Login, make: Servers) -> Iterator[Connection]:
    with make(f"ForceCommand {user.shell(user.folder.parent / 'shell')}") as server:
        access = OpensshAccess(
            host="cluster", config=str(server.openssh_config()), socket=f"{user.folder.parent}/to"
        )
        subprocess.run(login_command(access), check=True)
        try:
            yield OpensshConnection("m", access)
        finally:
            subprocess.run(command(access, "-O", "exit"), check=True, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("connect", [_local_as, _ssh_as, _openssh_as])
async def test_a_file_that_its_account_may_not_read_is_unfit(
    connect: Callable[[Login, Servers], AbstractContextManager[Connection]], sshds: Servers
) -> None:
    with open_folder("v") as folder:
        login = Login(folder / "home", {})
        out = login.folder / "out"
        out.write_bytes(b"a map")
        out.chmod(0)
        with connect(login, sshds) as connection:
            async with connection:
                with pytest.raises(FileUnfit, match="it cannot be opened: Permission denied"):
                    await fetched(connection, PurePosixPath(out), login.folder)


class Hopeful(LocalConnection):
    """Takes what it does not know for a failure, and a missing file for an empty one."""

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        try:
            return await super().run(script, deadline=deadline, output_limit=output_limit)
        except CommandCut as cut:
            return Completed(1, "", str(cut))

    async def get(
        self, path: PurePosixPath, *, within: PurePosixPath, limit: int
    ) -> AsyncIterator[bytes]:
        yield b""


@pytest.mark.parametrize(
    "promise",
    [
        "test_no_end_mark_is_unknown_never_failed",
        "test_a_command_beyond_its_deadline_is_unknown_and_killed",
        "test_errors_about_files_are_sentences",
        "test_only_a_file_of_its_own_folder_is_read",
    ],
)
def test_a_connection_that_breaks_its_promise_is_found(promise: str, tmp_path: Path) -> None:
    class Broken(ConnectionContract):
        def connection(self, sessions: int = 8) -> Connection:
            return Hopeful(sessions)

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        getattr(Broken(), promise)(tmp_path)
