"""The PostgreSQL engine keeps the contract, also behind the watch and the cache."""

import pytest

from bus import CachedLog, Log, Record, WatchedLog
from bus.postgres import PostgresLog
from tests.contract.log_contract import Opener, WholeContract


class TestPostgres(WholeContract):
    @pytest.fixture
    def open_log(self, database_url: str) -> Opener:
        async def open() -> Log:
            return await PostgresLog.connect(database_url, connections=4)

        return open

    async def test_a_read_of_large_records_ends_early(self, log: Log) -> None:
        for n in range(15):
            await log.append("t", 0, [Record(str(n), bytes(1_000_000 - 2))])
        found = await log.read("t", 0, 3)
        assert [stored.offset for stored in found] == list(range(3, 11))


class TestCachedPostgres(WholeContract):
    @pytest.fixture
    def open_log(self, database_url: str) -> Opener:
        async def open() -> Log:
            log = WatchedLog(await PostgresLog.connect(database_url), whole=lambda _: False)
            return CachedLog(log, records=10, size=100_000)

        return open
