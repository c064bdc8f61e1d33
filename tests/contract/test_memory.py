"""The memory engine keeps the contract, also behind the watch and the cache."""

import pytest

from bus import CachedLog, Log, MemoryLog, WatchedLog
from tests.contract.log_contract import Opener, WholeContract


class TestMemory(WholeContract):
    @pytest.fixture
    def open_log(self) -> Opener:
        log = MemoryLog()

        async def open() -> Log:
            return log

        return open


class TestCachedMemory(WholeContract):
    @pytest.fixture
    def open_log(self) -> Opener:
        log = MemoryLog()

        async def open() -> Log:
            watched = WatchedLog(log, whole=lambda _: False)
            return CachedLog(watched, records=10, size=100_000)

        return open
