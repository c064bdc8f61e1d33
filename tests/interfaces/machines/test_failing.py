"""What is tried on machines again and again: since when, how often and why, for `/health`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from events.jobs import JobState
from events.machines import FLEET, AddMachine, EnableMachine, MachineSeen, RemoveMachine
from events.simulations import CancelSimulation
from events.values import Context
from interfaces.machines.connection import LoginNeeded, MachineError, Unreachable
from interfaces.machines.work.hands import MachineHands
from managers.runtime import Failure, work
from tests.interfaces.machines.hands_site import FIRE, QUICK, Site, TroubledSystem, working
from tests.patience import PATIENCE


@asynccontextmanager
async def at_work() -> AsyncIterator[tuple[Site, MachineHands]]:
    """The machine `m`, which answers."""
    site = Site(machine=TroubledSystem({}))
    async with working(site, lambda *_: site.machine, QUICK) as hands:
        await site.looks(1)
        assert not hands.failing()
        yield site, hands


async def failed(failing: Callable[[], Mapping[str, Failure]], what: str, times: int) -> Failure:
    """Wait until it has failed so often."""
    async with asyncio.timeout(PATIENCE):
        while (found := failing().get(what)) is None or found.times < times:
            await asyncio.sleep(0.005)
    return found


async def goes_well(failing: Callable[[], Mapping[str, Failure]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while failing():
            await asyncio.sleep(0.005)


async def test_what_hinders_a_submission_is_known_until_it_succeeds() -> None:
    async with at_work() as (site, hands):
        began = time.time()
        site.machine.troubles["prepare"] = MachineError("the blob store is away")
        simulations = [await site.submit(), await site.submit()]
        first = await failed(hands.failing, "m", 6)
        assert first.reason == "the blob store is away"
        assert began <= first.since <= time.time()
        site.machine.troubles["prepare"] = MachineError("something else")
        later = await failed(hands.failing, "m", first.times + 4)
        assert (later.reason, later.since) == ("something else", first.since)
        del site.machine.troubles["prepare"]
        for simulation in simulations:
            await site.reach(simulation, JobState.COMPLETED)
        assert not hands.failing()


async def test_what_is_given_up_fails_no_more() -> None:
    async with at_work() as (site, hands):
        site.machine.troubles["prepare"] = MachineError()  # without a word
        simulation = await site.submit()
        assert (await failed(hands.failing, "m", 3)).reason == "MachineError()"
        cancel = CancelSimulation(simulation=simulation, reason="no more")
        await site.issue(Context.SIMULATIONS, FIRE, cancel)
        await goes_well(hands.failing)


async def test_a_machine_that_cannot_be_reached_fails_until_it_answers() -> None:
    async with at_work() as (site, hands):
        site.machine.troubles["ask"] = Unreachable("no route")
        assert (await failed(hands.failing, "m", 4)).reason == "no route"
        del site.machine.troubles["ask"]
        await goes_well(hands.failing)


async def test_a_machine_that_wants_a_login_is_not_tried_and_so_does_not_fail() -> None:
    async with at_work() as (site, hands):
        site.machine.troubles["ask"] = LoginNeeded("no key will do")

        async def refused() -> list[MachineSeen]:
            return [one for one in await site.events(MachineSeen) if one.login_needed]

        await site.until(refused)
        assert not hands.failing()


async def test_a_worker_that_raises_what_nobody_thought_of_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "_FIRST_PAUSE", 0.01)
    async with at_work() as (site, hands):
        site.machine.troubles["prepare"] = ValueError("a dialect of another package")
        simulation = await site.submit()
        found = await failed(hands.failing, "m", 3)
        assert found.reason == "ValueError: a dialect of another package"
        del site.machine.troubles["prepare"]
        await site.reach(simulation, JobState.COMPLETED)
        assert not hands.failing()


async def test_a_machine_that_is_removed_is_not_spoken_of_any_more() -> None:
    async with at_work() as (site, hands):
        assert hands.spent().keys() == {"m"}
        await site.issue(Context.MACHINES, FLEET, RemoveMachine(name="m"))
        async with asyncio.timeout(PATIENCE):
            while hands.spent():
                await asyncio.sleep(0.005)
        await site.issue(Context.MACHINES, FLEET, AddMachine(settings=site.settings))
        await site.issue(Context.MACHINES, FLEET, EnableMachine(name="m"))
        async with asyncio.timeout(PATIENCE):
            while not hands.spent():
                await asyncio.sleep(0.005)
