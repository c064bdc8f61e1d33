"""The schema `vestec_log`, made by whoever comes first."""

from bus.postgres import sharing, statements
from bus.postgres.connections import Connection

_LOCK = 7_305_086_291
"""Two processes that make a schema at once would meet errors in PostgreSQL's own catalogue."""


async def make_schema(connection: Connection) -> None:
    """Make what is missing; any number of processes may do so at once."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(statements.TABLES)
        await connection.execute(sharing.TABLES)
