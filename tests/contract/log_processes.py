"""Several processes at one log, whatever its engine: racing, leaving, dying and stopping."""

import asyncio
import json
import os
import signal
import sys
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bus import Log
from bus.contract import Membership
from deploy.engines import open_log
from tests.contract.log_contract import follow
from tests.contract.process import BATCHES, LEASE
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
ALL = {0, 1, 2, 3}

Spawn = Callable[[str], Awaitable["Process"]]


class Process:
    """One that runs `tests.contract.process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self) -> object:
        """Its next line; raises `EOFError` when it has ended."""
        assert self._process.stdout
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        if not line:
            raise EOFError
        return json.loads(line)

    async def says_until(self, expected: object) -> None:
        while await self.says() != expected:
            pass

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def spawned(role: str, url: str) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "tests.contract.process", role, url)
    process = Process(
        await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    )
    try:
        yield process
    finally:
        await process.end()


def all_of_them(owned: frozenset[int]) -> bool:
    return owned == ALL


def some_of_them(owned: frozenset[int]) -> bool:
    return bool(owned) and owned < ALL


async def owning(member: Membership, enough: Callable[[frozenset[int]], bool]) -> frozenset[int]:
    """What a member owns as soon as that is enough: a busy machine may miss a lease before."""
    while not enough(owned := member.owned):
        await member.changed(owned)
    return owned


class ManyProcesses:
    """`url` is that of an empty log."""

    @abstractmethod
    def url(self) -> str:
        """A fixture."""

    @pytest.fixture
    async def spawn(self, url: str) -> AsyncIterator[Spawn]:
        """A function that starts a process in a role."""
        async with AsyncExitStack() as stack:

            async def start(role: str) -> Process:
                return await stack.enter_async_context(spawned(role, url))

            yield start

    @pytest.fixture
    async def log(self, url: str) -> AsyncIterator[Log]:
        log = await open_log(url, lease=LEASE)
        await log.declare("t", len(ALL))
        yield log
        await log.close()

    async def test_processes_race_without_gaps(self, log: Log, spawn: Spawn) -> None:
        total = 3 * BATCHES * 2
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(follow(log, "t", 0, total))
            writers = [await spawn("write") for _ in range(3)]
            said = [await writer.says() for writer in writers for _ in range(BATCHES)]
        assert sorted(said, key=str) == sorted(range(0, total, 2), key=str)
        assert [stored.offset for stored in reading.result()] == list(range(total))
        assert [stored.record.value for stored in reading.result()] == [b"1", b"2"] * (total // 2)

    async def test_a_killed_member_is_replaced_after_its_lease(
        self, log: Log, spawn: Spawn
    ) -> None:
        async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
            await owning(member, all_of_them)
            process = await spawn("own")
            half = await owning(member, some_of_them)
            await process.says_until(sorted(ALL - half))
            process.send(signal.SIGKILL)
            started = asyncio.get_running_loop().time()
            await owning(member, all_of_them)
            assert LEASE / 2 < asyncio.get_running_loop().time() - started < 3 * LEASE

    async def test_a_member_that_was_stopped_owns_nothing_until_it_renewed(
        self, log: Log, spawn: Spawn
    ) -> None:
        process = await spawn("own")
        await process.says_until(sorted(ALL))
        async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
            half = await owning(member, some_of_them)
            await process.says_until(sorted(ALL - half))
            process.send(signal.SIGSTOP)
            await owning(member, all_of_them)
            process.send(signal.SIGCONT)
            assert await process.says() == []
            again = await owning(member, some_of_them)
            await process.says_until(sorted(ALL - again))
