"""Fixtures of the gateway's tests."""

from tests.projections.database import pattern_url, pool
from tests.servers import server_url

__all__ = ["pattern_url", "pool", "server_url"]
