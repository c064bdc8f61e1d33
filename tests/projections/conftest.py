"""Fixtures of the read models' tests."""

from tests.projections.database import pattern_url, pool
from tests.servers import database_url, server_url

__all__ = ["database_url", "pattern_url", "pool", "server_url"]
