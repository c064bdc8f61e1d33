"""What every connection promises: what is known of a command and of a file, and what is not."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.machines.connection import (
    CommandCut,
    Completed,
    Connection,
    FileMissing,
    FileUnfit,
    MachineError,
    NoRoom,
    OutputTooLarge,
)
from interfaces.machines.layout import quoted
from interfaces.machines.local import LocalConnection
from interfaces.machines.openssh import (
    OpensshAccess,
    OpensshConnection,
    command,
    login_command,
)
from interfaces.machines.ssh import SshAccess, SshConnection
from tests.account import Login, open_folder
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
    with TemporaryDirectory(prefix="v", dir="/tmp") as folder:
        access = OpensshAccess(
            host="cluster", config=str(sshd.openssh_config()), socket=f"{folder}/socket"
        )
        subprocess.run(login_command(access), check=True)
        yield access
        subprocess.run(command(access, "-O", "exit"), check=True, stderr=subprocess.DEVNULL)


@pytest.fixture(params=[_local, _ssh, _ssh_without_sftp, _openssh])
def opened(request: pytest.FixtureRequest) -> Open:
    make: Open = request.param(request)
    return make


@pytest.fixture
async def connection(opened: Open) -> AsyncIterator[Connection]:
    async with opened() as connection:
        yield connection


async def test_a_command_answers_with_status_and_both_streams(connection: Connection) -> None:
    answer = await run(connection, "echo out; echo err >&2; printf 'no end'; exit 7")
    assert answer == Completed(7, "out\nno end", "err\n")


async def test_a_command_reads_nothing_and_sees_the_c_locale(connection: Connection) -> None:
    assert await run(connection, "cat; echo $LC_ALL; read line || echo end") == Completed(
        0, "C\nend\n", ""
    )


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
async def test_any_text_is_one_word_to_the_shell(connection: Connection, text: str) -> None:
    answer = await run(connection, f"printf %s {quoted(text)}")
    assert answer.stdout == text


async def test_a_command_beyond_its_deadline_is_unknown_and_killed(
    connection: Connection, tmp_path: Path
) -> None:
    begin = time.monotonic()
    with pytest.raises(CommandCut):
        await run(connection, f"sleep 1; touch {tmp_path}/done", deadline=0.1)
    assert time.monotonic() - begin < 0.9
    assert (await run(connection, "sleep 1.2; echo waited")).stdout
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("script", ["kill -9 $$", "case x in", "echo '"])
async def test_no_end_mark_is_unknown_never_failed(connection: Connection, script: str) -> None:
    with pytest.raises(CommandCut):
        await run(connection, script)


async def test_too_much_output_is_cut(connection: Connection) -> None:
    with pytest.raises(OutputTooLarge):
        await run(connection, "cat /dev/zero", output_limit=1000)
    assert len((await run(connection, "head -c 1000 /dev/zero", output_limit=1000)).stdout) == 1000


async def test_a_background_process_does_not_hold_the_answer_up(connection: Connection) -> None:
    begin = time.monotonic()
    assert (await run(connection, "setsid sleep 3 & echo here")).stdout == "here\n"
    assert time.monotonic() - begin < 2.5


async def test_no_more_commands_at_once_than_sessions(opened: Open, tmp_path: Path) -> None:
    script = f"""
        cd {tmp_path}; touch $$; tries=100
        while test $(ls | wc -l) -lt 2 -a $tries -gt 0; do sleep 0.02; tries=$((tries - 1)); done
        ls | wc -l; sleep 0.1; rm $$
    """
    async with opened(2) as connection:
        answers = await asyncio.gather(*(connection.run(script, deadline=10) for _ in range(8)))
    assert max(int(answer.stdout) for answer in answers) == 2


async def test_files_arrive_whole_or_not_at_all(connection: Connection, tmp_path: Path) -> None:
    place = PurePosixPath(tmp_path / "deep" / "fi'le $(x)\n")
    await connection.put(place, pieces(b"first", b" whole"))
    with pytest.raises(ZeroDivisionError):
        await connection.put(place, pieces(b"second", None))
    assert await fetched(connection, place, tmp_path) == b"first whole"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [place.name]


async def test_errors_about_files_are_sentences(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="No such file"):
        await fetched(connection, PurePosixPath(tmp_path / "none"), tmp_path)
    with pytest.raises(MachineError, match="cannot read /proc/self/mem: "):
        await fetched(connection, PurePosixPath("/proc/self/mem"), Path("/proc"))
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot write"):
        await connection.put(PurePosixPath(tmp_path / "file" / "x"), pieces(b""))


async def test_a_file_is_missing_only_where_others_are(
    connection: Connection, tmp_path: Path
) -> None:
    jobs = tmp_path / "jobs"
    place = PurePosixPath(jobs / "v1" / "map")
    with pytest.raises(MachineError, match=r"cannot read .*/map: .*/jobs is not there") as away:
        await fetched(connection, place, jobs / "v1")
    assert not isinstance(away.value, FileMissing | FileUnfit)
    jobs.mkdir()
    with pytest.raises(FileMissing):
        await fetched(connection, place, jobs / "v1")


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


def pipe(place: Path) -> None:
    os.mkfifo(place)


def folder(place: Path) -> None:
    place.mkdir()


def link_to_a_secret(place: Path) -> None:
    place.symlink_to("/etc/passwd")


def link_to_a_neighbour(place: Path) -> None:
    (place.parent.parent / "other").write_text("of another job")
    place.symlink_to("../other")


def link_to_itself(place: Path) -> None:
    place.symlink_to(place.name)


def sparse(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(LIMIT + 1)


LIMIT = 3 << 20


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (pipe, "it is a named pipe, not a file"),
        (folder, "it is a folder, not a file"),
        (link_to_a_secret, "it is a link to /etc/passwd, outside of its folder"),
        (link_to_a_neighbour, "it is a link to .*/other, outside of its folder"),
        (link_to_itself, "cannot be opened: Too many levels of symbolic links"),
        (sparse, "it has 3,145,729 bytes, and at most 3,145,728 are fetched"),
    ],
)
async def test_only_a_file_of_its_own_folder_is_read(
    connection: Connection, tmp_path: Path, left: Callable[[Path], None], reason: str
) -> None:
    job = tmp_path / "job"
    job.mkdir()
    left(job / "out")
    async with asyncio.timeout(5):
        with pytest.raises(FileUnfit, match=reason):
            await fetched(connection, PurePosixPath(job / "out"), job)


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


async def test_a_link_within_its_folder_is_followed(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "newest-17").write_bytes(b"a map")
    (tmp_path / "newest").symlink_to("newest-17")
    assert await fetched(connection, PurePosixPath(tmp_path / "newest"), tmp_path) == b"a map"


async def test_a_file_that_grows_beyond_the_limit_is_cut_there(
    connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "log").write_bytes(b"x" * LIMIT)
    reading = connection.get(
        PurePosixPath(tmp_path / "log"), within=PurePosixPath(tmp_path), limit=LIMIT
    )
    await anext(reading)
    with (tmp_path / "log").open("ab") as file:
        file.write(b"more")
    with pytest.raises(FileUnfit, match="bytes, and at most"):
        async for _ in reading:
            pass


async def run(
    connection: Connection, script: str, deadline: float = 10, output_limit: int = 1 << 20
) -> Completed:
    return await connection.run(script, deadline=deadline, output_limit=output_limit)


async def fetched(connection: Connection, place: PurePosixPath, within: Path) -> bytes:
    chunks = connection.get(place, within=PurePosixPath(within), limit=LIMIT)
    return b"".join([chunk async for chunk in chunks])


async def pieces(*parts: bytes | None) -> AsyncIterator[bytes]:
    for part in parts:
        if part is None:
            raise ZeroDivisionError
        yield part
