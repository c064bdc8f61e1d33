"""Fixtures of the read models' tests."""

from tests.projections.database import database_url, pool, server_url

__all__ = ["database_url", "pool", "server_url"]
