"""Fixtures of the contract tests."""

import pytest

pytest.register_assert_rewrite("tests.contract.log_contract", "tests.contract.log_processes")

from tests.servers import database_url, mortal_server, server_url  # noqa: E402

__all__ = ["database_url", "mortal_server", "server_url"]
