"""Time that jumps, processes that stop, and seeds that always tell the same story."""

import asyncio
import os
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path

import pytest

from tests.simulation.virtual import PROCESS, Process, Stuck, VirtualLoop


def test_a_year_passes_at_once_and_in_order() -> None:
    passed: list[int] = []

    async def sleep(days: int) -> None:
        await asyncio.sleep(days * 86400)
        passed.append(days)

    async def year() -> float:
        await asyncio.gather(*map(sleep, (365, 3, 30)))
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(year()) == 365 * 86400
    assert passed == [3, 30, 365]


def test_waiting_for_nothing_is_noticed() -> None:
    async def wait() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(Stuck):
        runner.run(wait())


def test_a_stopped_process_finds_its_answer_and_its_deadline_when_it_goes_on() -> None:
    async def ask(answer: asyncio.Future[str]) -> str:
        async with asyncio.timeout(1):
            return await answer

    async def scenario() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        process, answer = Process(loop), asyncio.Future[str](loop=loop)
        context = copy_context()
        context.run(PROCESS.set, process)
        asked = loop.create_task(ask(answer), context=context)
        loop.call_later(0.5, process.stop)
        loop.call_later(0.6, answer.set_result, "yes")
        loop.call_later(5.0, process.go_on)
        return await asked, loop.time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(scenario()) == ("yes", 5.0)


def test_a_seed_is_the_same_in_every_process() -> None:
    once, again = _told(6, hash_seed="1"), _told(6, hash_seed="2")
    assert once == again
    assert len(once.splitlines()) > 20


def _told(seed: int, hash_seed: str) -> str:
    """What another process, with another order of its sets, tells of a seed."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", str(seed)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
