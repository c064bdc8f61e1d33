"""The schema `vestec_log`, made by whoever comes first."""

from bus.postgres import sharing, statements
from bus.postgres.connections import Connection

_LOCK = 7_305_086_291
"""Two processes that make a schema at once would meet errors in PostgreSQL's own catalogue."""


async def make_schema(connection: Connection) -> None:
    """Make what is missing; any number of processes may do so at once.

    Tables that are there are left alone: to touch them would wait for all who use them.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if await connection.fetchval("SELECT to_regclass('vestec_log.topics')") is None:
            await connection.execute(statements.TABLES + sharing.TABLES)
        await connection.execute(sharing.FUNCTIONS)
