"""The threads for plain functions: some never come back."""

import asyncio
import threading

import pytest

from tests.patience import PATIENCE
from workflows.workers import Workers


async def test_functions_that_were_given_up_keep_nobody_waiting() -> None:
    workers, end = Workers(at_once=3), threading.Event()
    hung = [asyncio.create_task(workers(end.wait)) for _ in range(3)]
    waiting = asyncio.create_task(workers(str, b"x", encoding="utf-8"))
    await asyncio.sleep(0)
    assert not waiting.done()
    for task in hung:
        task.cancel()
    async with asyncio.timeout(PATIENCE):
        assert await waiting == "x"
    end.set()


async def test_each_loop_has_its_own_places() -> None:
    workers, end = Workers(at_once=1), threading.Event()
    hung = asyncio.create_task(workers(end.wait))
    await asyncio.sleep(0)
    assert await asyncio.to_thread(lambda: asyncio.run(workers(int, "7"))) == 7
    end.set()
    await hung


async def test_a_step_that_waits_long_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("workflows.workers._LONG", 0.01)
    workers, end = Workers(at_once=1), threading.Event()
    hung = asyncio.create_task(workers(end.wait))
    waiting = asyncio.create_task(workers(int, "7"))
    async with asyncio.timeout(PATIENCE):
        while "a step waits for a worker" not in capsys.readouterr().out:
            await asyncio.sleep(0.01)
    end.set()
    assert (await hung, await waiting) == (True, 7)
