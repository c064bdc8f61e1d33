"""PostgreSQL as read models use it: jsonb goes in as JSON text and comes out as values.

asyncpg has no types of its own; the protocols here are what we use of it.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import asyncpg
from pydantic import JsonValue

from bus import Timestamp
from bus.clock import moment
from bus.tasks import within

Row = Any
"""A record of asyncpg: indexed by column name, turned into a dict by `dict`."""

UNAVAILABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What is raised while PostgreSQL is away, starting or stopping: wait and try again."""


_STOPPED = "5s"
"""A process that is silent for so long inside a transaction loses it, and with it its locks: it was
stopped, and others would wait for it for ever."""


class Queries(Protocol):
    """A pool or a connection, for statements that need no transaction of their own."""

    async def execute(self, query: str, *arguments: object) -> str: ...
    async def fetch(self, query: str, *arguments: object) -> Sequence[Row]: ...
    async def fetchrow(self, query: str, *arguments: object) -> Row | None: ...
    async def fetchval(self, query: str, *arguments: object) -> Any: ...


class Connection(Queries, Protocol):
    """One connection."""

    def transaction(
        self, *, isolation: str | None = None
    ) -> AbstractAsyncContextManager[object]: ...
    def terminate(self) -> None: ...
    async def executemany(self, query: str, arguments: Iterable[Sequence[object]]) -> None: ...
    async def copy_records_to_table(
        self, table_name: str, *, records: Sequence[Sequence[object]], columns: Sequence[str],
        schema_name: str,
    ) -> str: ...  # fmt: skip
    async def add_listener(self, channel: str, callback: Any) -> None: ...
    async def remove_listener(self, channel: str, callback: Any) -> None: ...


class Pool(Queries, Protocol):
    """A bounded number of connections."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]: ...


@asynccontextmanager
async def open_pool(url: str, size: int = 16) -> AsyncIterator[Pool]:
    """At most `size` connections; every statement has 60 s."""
    async with asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        command_timeout=60,
        init=_prepare,
        server_settings={"idle_in_transaction_session_timeout": _STOPPED},
    ) as pool:
        yield pool


class PromptPool:
    """A pool for those who are waited for: statements outside a transaction have so many seconds.

    A server that hangs is away for them then, and not after the minute that projections give it.
    """

    def __init__(self, pool: Pool, seconds: float) -> None:
        self._pool, self._seconds = pool, seconds
        self.acquire = pool.acquire

    async def execute(self, query: str, *arguments: object) -> str:
        return await within(self._seconds, self._pool.execute(query, *arguments))

    async def fetch(self, query: str, *arguments: object) -> Sequence[Row]:
        return await within(self._seconds, self._pool.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: object) -> Row | None:
        return await within(self._seconds, self._pool.fetchrow(query, *arguments))

    async def fetchval(self, query: str, *arguments: object) -> Any:
        return await within(self._seconds, self._pool.fetchval(query, *arguments))


async def database_time(database: Queries) -> float:
    """What time the database has, in seconds since the epoch."""
    time: float = await database.fetchval("select extract(epoch from clock_timestamp())::float8")
    return time


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode, decoder=_decode, format="binary"
    )


def _encode(text: str) -> bytes:
    return b"\x01" + text.encode()


def _decode(data: bytes) -> JsonValue:
    value: JsonValue = json.loads(data[1:])
    return value


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def storable_json(text: str) -> str:
    """JSON without NUL characters, which PostgreSQL cannot hold; they become U+FFFD."""
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def storable(text: str) -> str:
    """The same for plain text."""
    return text.replace("\0", "\ufffd")


def when(seconds: float | None) -> datetime | None:
    """Seconds since the epoch, by somebody's clock, as a moment; None if it cannot be one."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def at(time: Timestamp) -> datetime:
    """The moment of a logical timestamp, in UTC."""
    return moment(time)
