"""When the scheduler is asked: once a period, and sooner for what was told to end."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from events import operations as o
from events import simulations as s
from events.jobs import JobReport, JobState, Witness
from events.values import Context
from interfaces.machines.simulated.fates import Fate
from interfaces.machines.work.machine import Manners
from tests.interfaces.machines.hands_site import FIRE, AnySite, open_site
from tests.interfaces.machines.rehearsed import BENCHES
from tests.interfaces.machines.test_rehearsal import site_on

SELDOM = Manners(look=0.1, ask=3600, retry=(0.05, 0.2))


async def cancel(site: AnySite, simulation: UUID) -> None:
    wish = s.CancelSimulation(simulation=simulation, reason="enough")
    await site.issue(Context.SIMULATIONS, FIRE, wish)


async def all_run(site: AnySite, simulation: UUID, instances: int) -> list[o.JobReported]:
    """What was said of them once all run; empty: some do not yet."""
    said = await site.of(o.JobReported, simulation)
    running = {one.report.instance for one in said if one.report.state is JobState.RUNNING}
    return said if len(running) == instances else []


async def ends(site: AnySite, simulation: UUID) -> list[JobReport]:
    """What was said of the ends of a simulation's job, or of its instances."""
    reported = await site.of(o.JobReported, simulation)
    return [one.report for one in reported if one.report.state.ended]


@pytest.mark.parametrize("instances", [1, 3])
@pytest.mark.parametrize("dialect", [*BENCHES])
async def test_the_end_of_what_was_cancelled_is_known_before_its_turn(
    tmp_path: Path, dialect: str, instances: int
) -> None:
    async with site_on(tmp_path, dialect, Fate(), slots=3, manners=SELDOM) as site:
        simulation = await site.submit("sleep 60", instances=instances)
        await site.reach(simulation, JobState.RUNNING)
        await site.until(lambda: all_run(site, simulation, instances))
        await cancel(site, simulation)
        await site.reach(simulation, JobState.CANCELLED)
        found = await ends(site, simulation)
        assert sorted(one.instance or 0 for one in found) == [*range(instances)]
        assert {one.state for one in found} == {JobState.CANCELLED}


async def test_what_waits_is_cancelled_before_its_turn(tmp_path: Path) -> None:
    async with site_on(tmp_path, "slurm", Fate(), slots=1, manners=SELDOM) as site:
        first = await site.submit("sleep 60")
        await site.reach(first, JobState.RUNNING)
        waiting = await site.submit("true", instances=3)
        await site.until(lambda: site.of(o.SubmissionConfirmed, waiting))
        await cancel(site, waiting)
        await site.reach(waiting, JobState.CANCELLED)


async def test_a_scheduler_that_does_not_end_a_job_is_asked_less_and_less() -> None:
    async with open_site(replace(SELDOM, look=0.01), x=Fate(run=3600)) as site:
        simulation = await site.submit("x")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.deaf = True
        before = site.machine.asked["ask"]
        await cancel(site, simulation)
        await site.until(lambda: site.of(o.CancelSent, simulation))
        await site.looks(100, "look")
        asked = site.machine.asked["ask"]
        assert 2 <= asked - before <= 10
        said = (await site.of(o.JobReported, simulation))[-1].report
        ended = {"state": JobState.ENDING, "witness": Witness.STATUS_FILE, "exit_code": 143}
        site.machine.silent[said.token] = said.model_copy(update=ended)
        await site.looks(20, "look")
        assert site.machine.asked["ask"] >= asked + 2  # its wrapper says that it is over


async def test_silence_out_of_turn_means_nothing() -> None:
    """Its accounts may be late: whoever asks in turn waits for them."""
    async with open_site(replace(SELDOM, look=0.01), x=Fate(run=3600)) as site:
        simulation = await site.submit("x")
        await site.reach(simulation, JobState.RUNNING)
        (token,) = [one.token for one in await site.events(o.SubmissionConfirmed)]
        site.machine.silent[token] = None
        await cancel(site, simulation)
        await site.until(lambda: site.of(o.CancelSent, simulation))
        await site.looks(100, "look")
        assert not await ends(site, simulation)
        await site.issue(Context.SIMULATIONS, FIRE, s.RefreshSimulation(simulation=simulation))
        await site.reach(simulation, JobState.CANCELLED)
