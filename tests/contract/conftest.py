"""Fixtures of the contract tests."""

from tests.servers import database_url, mortal_server, server_url

__all__ = ["database_url", "mortal_server", "server_url"]
