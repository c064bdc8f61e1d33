"""Connections to the database: made when needed, lent to one user at a time, dropped on any doubt.

Not asyncpg's own pool, because that asks the server once more at every return, which would double
the time of an append.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from bus.contract import LogError, LogUnavailable
from bus.tasks import doubling

Connection: TypeAlias = asyncpg.Connection

FAILURES = (
    OSError,
    ValueError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresError,
)
"""What asyncpg raises; `refused` tells for which of these the statement surely changed nothing."""

_SETTINGS = {
    "synchronous_commit": "on",
    # Every statement goes by a primary key; without statistics the planner may not see that.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}
_LIMIT_TRANSACTIONS = """
SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'transaction_timeout'
"""
_BACKOFF = (0.02, 1.0)


def refused(error: BaseException) -> bool:
    """Whether the server, or the driver before it, rejected the statement as a whole.

    A fatal error proves nothing: the connection may have ended behind the commit.
    """
    if isinstance(error, asyncpg.PostgresError):
        return bool(error.severity_en == "ERROR")
    return isinstance(error, ValueError)


class Connections:
    """At most `limit` of them, known to the server by `name`; `deadline` is in seconds."""

    def __init__(self, url: str, name: str, limit: int, deadline: float, **settings: str) -> None:
        self.name = name
        self._url, self._deadline = url, deadline
        timeout = {"statement_timeout": f"{deadline * 1000:.0f}"}
        self._settings = {"application_name": name, **_SETTINGS, **timeout, **settings}
        self._room = asyncio.Semaphore(limit)
        self._idle: list[Connection] = []
        self._lent: set[Connection] = set()
        self._closed = False
        self._problem = "no answer"

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        """A connection, discarded if the block fails with anything but a `LogError`.

        Raises `LogUnavailable` if there is none within the deadline.
        """
        async with self._deadline_of("free connection"):
            await self._room.acquire()
        try:
            async with self._deadline_of("connection"):
                connection = self._idle_one() or await self._connect()
            self._lent.add(connection)
            try:
                yield connection
            except LogError:
                raise
            except BaseException:
                connection.terminate()
                raise
            finally:
                self._lent.discard(connection)
                self._idle.append(connection)
        finally:
            self._room.release()

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """The rows of a statement that may be repeated, as it is when the connection is lost."""
        async with self._deadline_of("answer"):
            while True:
                try:
                    async with self.one() as connection:
                        return await _fetch(connection, statement, arguments)
                except FAILURES as error:
                    self._problem = repr(error)
                await asyncio.sleep(_BACKOFF[0])

    def close(self) -> None:
        """End all connections at once, whatever they are doing."""
        self._closed = True
        for connection in (*self._idle, *self._lent):
            connection.terminate()

    @asynccontextmanager
    async def _deadline_of(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except TimeoutError:
            raise LogUnavailable(
                f"no {what} to the log's database within {self._deadline:g} s"
                f" (the last problem there: {self._problem})"
            ) from None

    def _idle_one(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _connect(self) -> Connection:
        pauses = doubling(*_BACKOFF)
        while True:
            if self._closed:
                raise LogError("the log was closed")
            try:
                return await self._open()
            except ValueError as error:
                raise LogError(f"the URL of the log is wrong: {error}") from error
            except FAILURES as error:
                self._problem = repr(error)
            await asyncio.sleep(next(pauses))

    async def _open(self) -> Connection:
        connection = await asyncpg.connect(
            self._url, command_timeout=self._deadline, server_settings=self._settings
        )
        try:
            await connection.execute(_LIMIT_TRANSACTIONS, self._settings["statement_timeout"])
            if self._closed:
                raise LogError("the log was closed")
        except BaseException:
            connection.terminate()
            raise
        return connection


async def _fetch(
    connection: Connection, statement: str, arguments: Sequence[Any]
) -> list[asyncpg.Record]:
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
    except FAILURES as error:
        if refused(error):
            raise LogError(f"the database refused: {error}") from error
        raise
    return rows
