"""What lies beside the projections: people with their credentials, and snapshots."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
import pytest

from bus import Position
from events.users import login_digest
from events.values import Context
from managers.runtime import Snapshot
from projections import Pool, TableSnapshots, open_pool, prepare
from projections.people import (
    Person,
    erase_person,
    find_credential,
    find_person,
    forget_credential,
    keep_credential,
    keep_person,
    list_people,
)
from tests.patience import PATIENCE
from tests.proxy import Proxy
from tests.room import short_folder
from tests.servers import reached_at, socket_of

ANNA = Person(id=uuid4(), username="Anna", name="Anna A.", email="anna@example.org")


async def test_a_login_name_is_one_persons_whatever_its_case(pool: Pool) -> None:
    await keep_person(pool, ANNA)
    assert await find_person(pool, " anna ") == ANNA
    with pytest.raises(asyncpg.UniqueViolationError):
        await keep_person(pool, ANNA.model_copy(update={"id": uuid4(), "username": "ANNA"}))
    renamed = ANNA.model_copy(update={"name": "Anna B."})
    await keep_person(pool, renamed)
    assert await list_people(pool) == [renamed]


async def test_an_erased_person_leaves_nothing(pool: Pool) -> None:
    await keep_person(pool, ANNA)
    await keep_credential(pool, "user", str(ANNA.id), "hash")
    async with pool.acquire() as connection:
        await erase_person(connection, ANNA.id)
    assert await find_person(pool, "anna") is None
    assert await find_credential(pool, "user", str(ANNA.id)) is None
    assert await pool.fetchval("select count(*) from vestec_private.people where login = $1",
                               login_digest("anna")) == 0  # fmt: skip


async def test_a_users_password_opens_no_endpoint(pool: Pool) -> None:
    await keep_credential(pool, "user", "satellite", "hash of one")
    await keep_credential(pool, "endpoint", "satellite", "hash of another")
    assert await find_credential(pool, "endpoint", "satellite") == "hash of another"
    await forget_credential(pool, "endpoint", "satellite")
    assert await find_credential(pool, "user", "satellite") == "hash of one"
    assert await find_credential(pool, "endpoint", "satellite") is None


def snapshot(epoch: int, offset: int, fold: int = 1) -> Snapshot:
    return Snapshot(Position(offset, epoch, offset - epoch - 1, f"nonce {epoch}"), fold, b"\x00{}")


async def test_the_newest_snapshot_is_kept(pool: Pool) -> None:
    snapshots = TableSnapshots(pool)
    place = (Context.INCIDENTS, 3)
    assert await snapshots.load(*place) is None
    await snapshots.store(*place, snapshot(5, 10))
    await snapshots.store(*place, snapshot(5, 20))
    assert await snapshots.load(*place) == snapshot(5, 20)
    await snapshots.store(*place, snapshot(5, 20, fold=2))
    assert await snapshots.load(*place) == snapshot(5, 20, fold=2)


async def test_who_lost_the_partition_overwrites_nothing(pool: Pool) -> None:
    snapshots = TableSnapshots(pool)
    place = (Context.INCIDENTS, 3)
    await snapshots.store(*place, snapshot(15, 20))
    await snapshots.store(*place, snapshot(5, 25))
    assert await snapshots.load(*place) == snapshot(15, 20)


async def test_a_database_that_does_not_answer_is_waited_for_no_longer_than_said(
    database_url: str,
) -> None:
    """By a connection that there is, and by one that would have to be made."""
    place = (Context.INCIDENTS, 3)
    with short_folder() as here:
        socket = here / ".s.PGSQL.5432"
        async with (
            asyncio.timeout(PATIENCE),
            Proxy.listening(socket, socket_of(database_url)) as proxy,
            open_pool(reached_at(database_url, socket)) as pool,
        ):
            await prepare(pool)
            snapshots = TableSnapshots(pool, deadline=0.2)
            proxy.gates.close()
            for call in (snapshots.load(*place), snapshots.store(*place, snapshot(5, 10))):
                with pytest.raises(TimeoutError):
                    await call
            proxy.gates.open()
            assert await TableSnapshots(pool).load(*place) is None


async def test_any_number_of_processes_may_make_the_tables_at_once(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(open_pool(database_url)) for _ in range(8)]
        for _ in range(5):
            await asyncio.gather(*map(prepare, pools))
            assert await TableSnapshots(pools[0]).load(Context.INCIDENTS, 0) is None
            await pools[0].execute("drop schema vestec_read cascade")
