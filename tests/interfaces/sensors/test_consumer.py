"""What has begun outside of a task goes on within one."""

import asyncio

import pytest

from interfaces.sensors.consumer import _as_task


async def _hand_on(first: asyncio.Event, second: asyncio.Event, said: list[str]) -> None:
    try:
        await first.wait()
        said.append("first")
        await second.wait()
        said.append("second")
    except asyncio.CancelledError:
        said.append("cancelled")
        raise


async def test_it_waits_for_all_that_it_waits_for() -> None:
    first, second, said = asyncio.Event(), asyncio.Event(), list[str]()
    begun = _hand_on(first, second, said)
    going_on = asyncio.create_task(_as_task(begun, begun.send(None)))
    first.set()
    while not said:
        await asyncio.sleep(0)
    assert said == ["first"]
    second.set()
    await asyncio.wait_for(going_on, 1)
    assert said == ["first", "second"]


async def test_it_can_be_cancelled_wherever_it_waits() -> None:
    first, second, said = asyncio.Event(), asyncio.Event(), list[str]()
    begun = _hand_on(first, second, said)
    going_on = asyncio.create_task(_as_task(begun, begun.send(None)))
    first.set()
    while not said:
        await asyncio.sleep(0)
    going_on.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going_on
    assert said == ["first", "cancelled"]
