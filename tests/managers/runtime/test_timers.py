"""When the clock is looked at."""

import asyncio

import pytest

from managers.runtime import timers
from managers.runtime.timers import Timers
from tests.patience import PATIENCE


class Clock:
    """A wall clock that stands still until it is moved, and who was rung for."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rung: list[str] = []
        self.timers = Timers(lambda: self.now, self.rung.append)

    def later(self, seconds: float) -> list[str]:
        """Who is rung for when so much time has passed."""
        self.now += seconds
        self.rung.clear()
        self.timers._ring_what_is_due()
        return list(self.rung)


def test_a_moment_is_rung_for_once_and_a_replaced_one_never() -> None:
    clock = Clock()
    clock.timers.set("a", 1005.0)
    clock.timers.set("b", 1005.0)
    clock.timers.set("b", 1020.0)
    assert clock.later(4.9) == []
    assert clock.later(0.1) == ["a"]
    assert clock.later(10.0) == []
    assert clock.later(5.0) == ["b"]


def test_what_was_replaced_is_not_kept_until_it_would_have_been_due() -> None:
    clock = Clock()
    for n in range(1000):
        clock.timers.set("a", 1005.0)
        clock.timers.set("a", 900_000.0)
        clock.timers.set(f"b{n}", 2000.0)
        clock.timers.set(f"b{n}", None)
    clock.timers.set("b", 1005.0)
    assert len(clock.timers._heap) <= 4
    assert clock.later(5.0) == ["b"]
    assert clock.later(900_000.0) == ["a"]


def test_a_moment_that_stays_due_is_rung_for_again_after_a_pause() -> None:
    clock = Clock()
    clock.timers.set("a", 1000.0)
    assert clock.later(0.0) == ["a"]
    for _ in range(3):
        clock.timers.set("a", 1000.0)  # whoever looked at it could not deal with it
        clock.timers.set("a", 1000.0)
        assert clock.later(0.5) == []
        assert clock.later(0.5) == ["a"]


def test_the_same_moment_is_new_once_there_was_none() -> None:
    clock = Clock()
    clock.timers.set("a", 1000.0)
    assert clock.later(0.0) == ["a"]
    clock.timers.set("a", None)
    clock.timers.set("a", 1000.0)
    assert clock.later(0.0) == ["a"]


async def test_a_clock_that_is_set_meanwhile_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_LOOK_EVERY", 0.01)
    clock = Clock()
    clock.timers.set("a", 1600.0)
    running = asyncio.create_task(clock.timers.run())
    await asyncio.sleep(0)  # it waits now
    assert clock.rung == []
    clock.now = 1600.0
    async with asyncio.timeout(PATIENCE):
        while not clock.rung:
            await asyncio.sleep(0.01)
    running.cancel()
