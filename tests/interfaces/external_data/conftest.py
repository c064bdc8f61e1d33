"""Fixtures of pushing's tests."""

from tests.projections.database import pool
from tests.servers import database_url, server_url

__all__ = ["database_url", "pool", "server_url"]
