"""The PostgreSQL log when its database is slow, gone, killed or wrong."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest

from bus import Doubt, Log, LogError, LogReplaced, LogUnavailable, Record, WatchedLog
from bus.postgres import PostgresLog, bell
from tests.contract.log_contract import numbered, read_all, until
from tests.contract.racing import PARTITIONS, Racing
from tests.patience import PATIENCE
from tests.servers import MortalServer

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'vestec log %'"
DEADLINE = 1.5


async def declare(url: str, partitions: int) -> None:
    """Make the topic `t`, in all the time that it may take."""
    log = await PostgresLog.connect(url, deadline=PATIENCE)
    await log.declare("t", partitions)
    await log.close()


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[PostgresLog]:
    await declare(database_url, 1)
    log = await PostgresLog.connect(database_url, deadline=DEADLINE, lease=1.0)
    yield log
    await log.close()


@pytest.fixture
async def operator(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody else."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def send(operator: asyncpg.Connection, number: signal.Signals) -> None:
    for (pid,) in await operator.fetch(BACKENDS):
        os.kill(pid, number)


async def test_an_append_without_an_answer_is_in_doubt(
    log: Log, operator: asyncpg.Connection
) -> None:
    await log.append("t", 0, numbered(1))
    await send(operator, signal.SIGSTOP)
    try:
        async with asyncio.timeout(30):
            with pytest.raises(Doubt, match="t/0"):
                await log.append("t", 0, numbered(2))
    finally:
        await send(operator, signal.SIGCONT)
    offset = await log.append("t", 0, numbered(3))
    expected = numbered(1, 2, 3) if offset == 2 else numbered(1, 3)
    assert [stored.record for stored in await read_all(log, "t", 0)] == expected


async def test_a_member_that_cannot_renew_owns_nothing_until_it_can(
    log: Log, operator: asyncpg.Connection
) -> None:
    async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
        owned = await member.changed(frozenset())
        async with operator.transaction():
            await operator.execute("SELECT FROM vestec_log.topics FOR UPDATE")
            assert await member.changed(owned) == frozenset()
            assert member.owned == frozenset()
        assert await member.changed(frozenset()) == owned


async def test_an_append_under_way_when_the_log_is_closed_is_in_doubt(
    log: Log, operator: asyncpg.Connection
) -> None:
    await operator.execute("BEGIN; SELECT FROM vestec_log.heads FOR UPDATE")
    append = asyncio.create_task(log.append("t", 0, numbered(1)))

    async def sent() -> bool:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return bool(await operator.fetch(waiting))

    await until(sent)
    await log.close()
    with pytest.raises(Doubt):
        await append
    with pytest.raises(LogError, match="closed"):
        await log.read("t", 0, 0)


async def test_what_the_database_refuses_was_not_written(
    log: Log, operator: asyncpg.Connection
) -> None:
    await log.append("t", 0, numbered(1))
    with pytest.raises(LogError, match="not text"):
        await log.append("t", 0, [Record("\udc80", b"")])
    await operator.execute("ALTER TABLE vestec_log.batches ADD CHECK (stop < 3)")
    with pytest.raises(LogError, match="refused"):
        await log.append("t", 0, numbered(2, 3))
    assert await log.append("t", 0, numbered(4)) == 1


async def test_lost_connections_are_replaced(
    log: Log, operator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bell's as well: the other one rings where nobody would look by himself."""
    await log.append("t", 0, numbered(1))
    await operator.fetch(BACKENDS.replace("pid", "pg_terminate_backend(pid)"))
    async with asyncio.timeout(PATIENCE):
        assert len(await log.read("t", 0, 0)) == 1
        waiting = asyncio.create_task(log.wait("t", 0, 1))
        await operator.execute("UPDATE vestec_log.heads SET next = 2")
        await waiting


async def test_a_lost_bell_is_made_up_for(log: Log, operator: asyncpg.Connection) -> None:
    waiting = asyncio.create_task(log.wait("t", 0, 0))
    async with asyncio.timeout(3 * bell.LOOK_EVERY):
        await operator.execute("UPDATE vestec_log.heads SET next = 1")
        await waiting


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("DELETE FROM vestec_log.batches; UPDATE vestec_log.heads SET next = 0", "ends at 0"),
        ("UPDATE vestec_log.heads SET first = 1", "begins at 1"),
    ],
)
async def test_a_log_that_is_restored_or_cut_is_noticed_while_it_is_read(
    log: Log, operator: asyncpg.Connection, change: str, sentence: str
) -> None:
    watched = WatchedLog(log, whole=lambda _: True, look_every=0.1)
    await watched.append("t", 0, numbered(1, 2))
    waiting = asyncio.create_task(watched.wait("t", 0, 2))
    await asyncio.sleep(0)
    await operator.execute(change)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(LogReplaced, match=sentence):
            await waiting
    await watched.close()


async def test_many_open_an_empty_database_at_once(database_url: str) -> None:
    async with asyncio.timeout(PATIENCE):
        logs = await asyncio.gather(*(PostgresLog.connect(database_url) for _ in range(6)))
    await asyncio.gather(*(log.declare("t", 2) for log in logs))
    assert await logs[0].append("t", 1, numbered(1)) == 0
    for log in logs:
        await log.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [("postgresql://u@/d?host=/nowhere&port=1", "No such file"), ("http://x", "is wrong")],
)
async def test_a_log_that_is_not_there(url: str, reason: str) -> None:
    with pytest.raises(LogError, match=reason):
        await PostgresLog.connect(url, deadline=0.2)


async def test_the_server_is_killed_while_writers_append(mortal_server: MortalServer) -> None:
    """Acknowledged appends survive, doubtful ones are whole or absent, and all goes on."""
    await declare(mortal_server.url, 4)
    log = await PostgresLog.connect(mortal_server.url, deadline=3)
    async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
        racing, everything = Racing(log), await member.changed(frozenset())
        async with asyncio.TaskGroup() as tasks:
            racing.start(tasks)
            await racing.under_way()
            mortal_server.kill()
            await mortal_server.stop()  # who keeps it would start it again
        with pytest.raises(LogUnavailable, match="log's database"):
            await log.append("t", 0, numbered(1))
        with pytest.raises(LogUnavailable, match="log's database"):
            await log.read("t", 0, 0)
        waiting = racing.waiting()
        await mortal_server.start()
        for partition in PARTITIONS:
            found = [stored.record for stored in await read_all(log, "t", partition)]
            assert found in racing.may_be(partition)
            await log.append("t", partition, numbered(*range(10)))
        await asyncio.gather(*waiting)
        assert await member.changed(frozenset()) == everything
    await log.close()
