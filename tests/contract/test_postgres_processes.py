"""Several processes at one PostgreSQL log."""

import asyncio
import signal

import pytest

from bus import Log, Writer
from tests.contract.log_processes import (
    ALL,
    ManyProcesses,
    Spawn,
    all_of_them,
    owning,
    some_of_them,
)
from tests.patience import PATIENCE


class TestPostgresProcesses(ManyProcesses):
    @pytest.fixture
    def url(self, database_url: str) -> str:
        return database_url

    async def test_a_stopped_member_is_replaced_and_locks_nothing(
        self, log: Log, spawn: Spawn
    ) -> None:
        process = await spawn("hold")
        await process.says_until(sorted(ALL))
        async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
            half = await owning(member, some_of_them)
            await process.says_until(sorted(ALL - half))
            process.send(signal.SIGSTOP)
            await owning(member, all_of_them)
            async with asyncio.timeout(30):  # the other one holds its head for a minute
                writer = await Writer.take_over(log, "t", 0, "nonce")
            assert writer.position.offset == 1
