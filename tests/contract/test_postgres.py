"""The PostgreSQL engine keeps the contract, also behind the cache."""

import pytest

from bus import CachedLog, Log
from bus.postgres import PostgresLog
from tests.contract.log_contract import Opener, WholeContract


class TestPostgres(WholeContract):
    @pytest.fixture
    def open_log(self, database_url: str) -> Opener:
        async def open() -> Log:
            return await PostgresLog.connect(database_url, connections=4)

        return open


class TestCachedPostgres(WholeContract):
    @pytest.fixture
    def open_log(self, database_url: str) -> Opener:
        async def open() -> Log:
            return CachedLog(await PostgresLog.connect(database_url), records=10, size=100_000)

        return open
