"""Work that raises what nobody thought of begins again."""

import asyncio

import pytest

from managers.runtime import TaskWork, work
from tests.patience import PATIENCE


async def test_work_that_raises_begins_again_until_it_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "_FIRST_PAUSE", 0.0)
    tries, done = 0, asyncio.Event()

    async def fails_twice() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("nobody thought of this")
        done.set()

    TaskWork[object](fails_twice, "a try")
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    assert tries == 3


async def test_work_that_is_stopped_does_not_begin_again() -> None:
    begun = 0

    async def waits() -> None:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()

    stopped = TaskWork[object](waits, "waits")
    await asyncio.sleep(0)
    stopped.stop()
    await asyncio.wait({stopped._task}, timeout=1)
    assert stopped._task.cancelled()
    assert begun == 1
