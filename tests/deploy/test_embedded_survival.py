"""The embedded server after what should not happen: kills, and lock files that lie."""

# ruff: noqa: ASYNC221 - nothing else runs on a test's loop

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from deploy.embedded import EmbeddedServer, EmbeddedServerError
from deploy.embedded.account import account_for
from deploy.embedded.cluster import Cluster
from deploy.embedded.settings import OPTIONS
from tests.patience import PATIENCE

Killer = Callable[[int, Cluster], None]


def kill_alone(pid: int, cluster: Cluster) -> None:
    os.kill(pid, signal.SIGKILL)


def kill_group(pid: int, cluster: Cluster) -> None:
    os.killpg(pid, signal.SIGKILL)


def kill_with_database(pid: int, cluster: Cluster) -> None:
    for process in [*descendants(pid), *running(cluster)]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def descendants(pid: int) -> Iterator[int]:
    yield pid
    with suppress(FileNotFoundError):
        for task in Path("/proc", str(pid), "task").iterdir():
            for child in (task / "children").read_text().split():
                yield from descendants(int(child))


def running(cluster: Cluster) -> list[int]:
    with suppress(FileNotFoundError):
        return [
            process for postmaster in cluster.postmasters() for process in descendants(postmaster)
        ]
    return []


def start_apart(folder: Path, stderr: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.embedded", folder],
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )


def start_and_kill(folder: Path, cluster: Cluster, kill: Killer) -> None:
    """Start the server in another process and kill that as soon as it runs."""
    with start_apart(folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"postgresql://")
        kill(process.pid, cluster)


async def works(folder: Path) -> bool:
    async with EmbeddedServer.open(folder, start_within=20) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("create table if not exists t (n int); insert into t values (1)")
        count = await connection.fetchval("select count(*) from t")
        await connection.close()
        return bool(count)


@pytest.mark.parametrize("delay_ms", range(0, 1250, 50))
def test_a_first_start_that_is_killed_is_followed_by_one_that_works(
    folder: Path, cluster: Cluster, delay_ms: int
) -> None:
    kill = (kill_alone, kill_group, kill_with_database)[delay_ms // 50 % 3]
    with start_apart(folder) as process:
        deadline = time.monotonic() + PATIENCE
        while not folder.exists():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(delay_ms / 1000)
        kill(process.pid, cluster)
    assert asyncio.run(works(folder))
    assert not (cluster.home / "data.new").exists()


@pytest.mark.parametrize("racers", [2])
def test_two_first_starts_at_once_make_one_server(
    folder: Path, cluster: Cluster, racers: int
) -> None:
    processes = [start_apart(folder) for _ in range(racers)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"postgresql://")
    assert len(cluster.postmasters()) == 1
    for process in processes:
        process.send_signal(signal.SIGTERM)
        with process:
            assert process.wait(20) == 0
    assert cluster.postmasters() == []


def test_a_server_that_outlived_its_killed_parent_is_adopted(made: Path, cluster: Cluster) -> None:
    start_and_kill(made, cluster, kill_group)
    (survivor,) = cluster.postmasters()

    async def adopt() -> None:
        async with EmbeddedServer.open(made):
            assert cluster.postmasters() == [survivor]

    asyncio.run(adopt())
    assert cluster.postmasters() == []


async def test_what_was_committed_outlives_a_kill_of_everything(
    made: Path, cluster: Cluster
) -> None:
    async with EmbeddedServer.open(made, stop=False) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("create table t as select 42 as n")
        for process in running(cluster):
            os.kill(process, signal.SIGKILL)
    async with EmbeddedServer.open(made) as server:
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("select n from t") == 42
        await connection.close()


async def test_while_it_is_used_it_may_die_and_be_started_by_another(
    made: Path, cluster: Cluster
) -> None:
    async with EmbeddedServer.open(made):
        (postmaster,) = cluster.postmasters()
        os.kill(postmaster, signal.SIGKILL)
        async with EmbeddedServer.open(made):
            assert cluster.postmasters() not in ([], [postmaster])


def test_nobody_needs_to_listen_to_who_starts_it_again(made: Path, cluster: Cluster) -> None:
    """As behind `head -1`, which has gone when there is more to be said."""
    with start_apart(made, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"postgresql://")
        process.stdout.close()
        process.stderr.close()
        try:
            for _ in range(2):
                (postmaster,) = cluster.postmasters()
                os.kill(postmaster, signal.SIGKILL)
                deadline = time.monotonic() + PATIENCE
                while cluster.postmasters() in ([], [postmaster]):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    assert cluster.postmasters() == []


def test_it_says_how_it_is_used(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.embedded", "--help"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE, check=True
    )
    assert done.stdout.startswith("usage: python -m deploy.embedded [-h] folder")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "12\n/proc", "no number\n" * 8])
@pytest.mark.parametrize("name", ["postmaster.pid", ".s.PGSQL.5432.lock"])
async def test_a_cut_lock_file_of_a_dead_server_is_survived(
    made: Path, cluster: Cluster, name: str, content: str
) -> None:
    (cluster.data / name).write_text(content)
    assert await works(made)


async def test_a_cut_lock_file_of_a_living_server_is_survived(made: Path, cluster: Cluster) -> None:
    async with EmbeddedServer.open(made, stop=False):
        (survivor,) = cluster.postmasters()
        os.truncate(cluster.data / "postmaster.pid", 0)
    async with EmbeddedServer.open(made):
        assert cluster.postmasters() == [survivor]
    assert cluster.postmasters() == []
    assert await works(made)


def test_a_pid_that_another_program_has_now_is_survived(made: Path, cluster: Cluster) -> None:
    start_and_kill(made, cluster, kill_with_database)
    account = account_for(cluster.data)
    with subprocess.Popen(
        [shutil.which("sleep") or "sleep", "60"], user=account.uid if account else None
    ) as other:
        reuse(cluster, other.pid)
        assert asyncio.run(works(made))
        assert other.poll() is None
        other.kill()


async def test_a_pid_that_another_folders_server_has_now_is_survived(
    made: Path, cluster: Cluster
) -> None:
    other = Cluster(made.parent / "other" / "postgresql", OPTIONS)
    subprocess.run(["cp", "-a", made, made.parent / "other"], check=True)
    await asyncio.to_thread(start_and_kill, made, cluster, kill_with_database)
    async with EmbeddedServer.open(made.parent / "other"):
        (alive,) = other.postmasters()
        reuse(cluster, alive)
        assert await works(made)
        assert other.postmasters() == [alive]


def reuse(cluster: Cluster, pid: int) -> None:
    """Let the files of a killed server name a process that lives."""
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        path = cluster.data / name
        path.write_text("\n".join([str(pid), *path.read_text().split("\n")[1:]]))


async def test_a_server_started_by_hand_is_neither_joined_nor_hurt(
    made: Path, cluster: Cluster
) -> None:
    by_hand = Cluster(cluster.home, {**OPTIONS, "port": "5433"})
    no_lock = os.open("/dev/null", os.O_RDONLY)
    await by_hand.start(no_lock, 20)
    os.close(no_lock)
    (pid,) = by_hand.postmasters()
    try:
        with pytest.raises(EmbeddedServerError, match=rf"by hand \(process {pid}\).*stop it first"):
            async with EmbeddedServer.open(made):
                pass
        assert by_hand.postmasters() == [pid]
    finally:
        os.kill(pid, signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            while by_hand.postmasters():
                await asyncio.sleep(0)


async def test_a_server_that_does_not_answer_is_one_sentence_at_the_deadline(
    made: Path, cluster: Cluster
) -> None:
    async with EmbeddedServer.open(made, stop=False):
        (postmaster,) = cluster.postmasters()
        os.kill(postmaster, signal.SIGSTOP)
    try:
        with pytest.raises(EmbeddedServerError, match=r"did not start in .* within 0\.5 s"):
            async with EmbeddedServer.open(made, start_within=0.5, stop=False):
                pass
    finally:
        os.kill(postmaster, signal.SIGCONT)
    assert await works(made)


async def test_two_copies_of_a_folder_are_two_databases(made: Path) -> None:
    copy = made.parent / "copy"
    subprocess.run(["cp", "-a", made, copy], check=True)
    async with EmbeddedServer.open(made) as one, EmbeddedServer.open(copy) as two:
        first, second = await asyncpg.connect(one.url), await asyncpg.connect(two.url)
        await first.execute("create table only_here ()")
        assert await second.fetchval("select to_regclass('only_here')") is None
        await first.close()
        await second.close()


async def test_a_removed_folder_is_made_again_beside_the_server_of_the_old_one(
    folder: Path, made: Path, cluster: Cluster
) -> None:
    async with EmbeddedServer.open(made, stop=False):
        (old,) = cluster.postmasters()
    shutil.rmtree(made)
    try:
        assert await works(folder)
    finally:
        os.kill(old, signal.SIGINT)


async def test_a_folder_removed_while_it_is_used_is_one_sentence(
    made: Path, cluster: Cluster
) -> None:
    server = EmbeddedServer.open(made)
    await server.__aenter__()
    (old,) = cluster.postmasters()
    shutil.rmtree(made)
    with pytest.raises(EmbeddedServerError, match="cannot be used: No such file"):
        await server.__aexit__(None, None, None)
    os.kill(old, signal.SIGINT)
