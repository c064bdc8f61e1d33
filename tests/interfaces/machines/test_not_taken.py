"""What hands tell and their manager refuses ends in something that people see."""

from typing import Any
from uuid import UUID

import pytest

from bus import contract, epochs
from events import operations as o
from events import simulations as s
from events.jobs import JobState, RelativePath
from events.values import Context, Event
from interfaces.machines.simulated.fates import Fate
from managers.operations import CancelTaken, OutputsStored
from managers.operations import decide as deciding
from managers.runtime import Rejected, work
from managers.runtime.manager import Input
from tests.interfaces.machines.hands_site import FIRE, AnySite, TroubledSystem, open_site
from tests.interfaces.machines.test_agents import open_site as open_site_with_agents

MANY = tuple(RelativePath(f"{number:0250}") for number in range(300))
"""Results whose names fit into one record below; with their digests, told once, they do not."""


@pytest.fixture
def small_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """As though what may be asked for had no bound, as in older logs."""
    for module in (contract, epochs):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 100_000)


async def none_is_kept(site: AnySite, machine: TroubledSystem) -> s.OutputsKept:
    machine._results = lambda _request, _inputs: dict.fromkeys(MANY, b"x")
    simulation = await site.submit(outputs=MANY)
    (kept,) = await site.until(lambda: site.of(s.OutputsKept, simulation))
    await site.until(lambda: site.of(o.JobReleased, simulation))
    return kept


@pytest.mark.usefixtures("small_records")
async def test_results_that_no_record_holds_are_missing_and_said_to_be() -> None:
    async with open_site() as site:
        kept = await none_is_kept(site, site.machine)
        assert site.machine.asked["fetch"] == len(MANY), "each is fetched once"
        assert (kept.outputs, kept.missing) == ({}, MANY[:100])
        assert "none is kept: a record of" in kept.reason


@pytest.mark.usefixtures("small_records")
async def test_the_same_on_an_agent_which_works_on() -> None:
    async with open_site_with_agents() as site, site.agent("near") as near:
        await site.seen(True)
        kept = await none_is_kept(site, site.machine)
        assert site.machine.asked["fetch"] < 2 * len(MANY), "not again and again"
        assert (kept.outputs, kept.missing) == ({}, MANY[:100])
        assert "none is kept: a record of" in kept.reason
        assert not near.failing
        assert len(await site.turns(1)) == 1
        await site.reach(await site.submit(), JobState.COMPLETED)


@pytest.mark.parametrize("told", [CancelTaken, OutputsStored])
async def test_work_whose_conclusion_is_refused_is_hindered_until_it_is_taken(
    told: type[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_FIRST_PAUSE", 0.01)
    decide, refused = deciding._of_one, list[Input]()

    def refuses(was: Any, input: Input, given: Any) -> Any:
        if isinstance(input, told) and len(refused) < 4:
            refused.append(input)
            raise Rejected("it is not understood")
        return decide(was, input, given)

    monkeypatch.setattr(deciding, "_of_one", refuses)
    async with open_site(long=Fate(run=60)) as site:
        simulation = await concluding(site, told)
        hindered = (await site.until(lambda: site.of(o.TaskHindered, simulation)))[-1]
        assert hindered.reason == f"NotTaken: {told.__name__} was refused: it is not understood"
        over: type[Event] = o.CancelSent if told is CancelTaken else o.OutputsCollected
        await site.until(lambda: site.of(over, simulation))
        assert len(refused) == 4


async def concluding(site: AnySite, told: type[object]) -> UUID:
    """A simulation of whose job hands will tell this."""
    if told is OutputsStored:
        return await site.submit(outputs=("map",))
    simulation = await site.submit("long")
    await site.reach(simulation, JobState.RUNNING)
    cancel = s.CancelSimulation(simulation=simulation)
    await site.issue(Context.SIMULATIONS, FIRE, cancel)
    return simulation
