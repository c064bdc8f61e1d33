"""The log in PostgreSQL: for one machine and several processes; the default is this, embedded."""

from bus.postgres.engine import PostgresLog

__all__ = ["PostgresLog"]
