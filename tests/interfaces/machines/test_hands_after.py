"""Jobs that come after others, by real managers and hands."""

import asyncio
from uuid import UUID

from events import operations as o
from events import simulations as s
from events.jobs import Dependency, JobOptions, JobState, token_of
from events.values import Context
from interfaces.machines.dialect import Refused
from interfaces.machines.simulated.fates import Fate
from tests.interfaces.machines.hands_site import FIRE, Site, open_site
from tests.patience import PATIENCE


def after(first: UUID) -> JobOptions:
    return JobOptions(qos="after", after=(Dependency(token=token_of(first)),))


async def tries(site: Site, number: int) -> None:
    """Wait until so many submissions more were tried."""
    before = site.machine.asked["submit"]
    async with asyncio.timeout(PATIENCE):
        while site.machine.asked["submit"] < before + number:
            await asyncio.sleep(0.005)


async def test_a_job_goes_out_after_the_one_that_is_not_taken_now() -> None:
    async with open_site() as site:
        site.machine.turned_down[""] = Refused("too many jobs", permanent=False)
        first = await site.submit()
        second = await site.submit(options=after(first))
        await site.until(lambda: site.of(o.SubmissionIntended, second))
        await tries(site, 3)
        assert "after" not in site.machine.qos
        site.machine.turned_down.clear()
        await site.reach(second, JobState.COMPLETED)
        await site.reach(first, JobState.COMPLETED)


async def test_a_job_does_not_go_out_after_one_that_has_failed() -> None:
    async with open_site(fails=Fate(run=0.05, exit_code=3)) as site:
        first = await site.submit("fails")
        await site.reach(first, JobState.FAILED)
        refused = await site.reach(await site.submit(options=after(first)), JobState.FAILED)
        assert f"job {token_of(first)} is FAILED, and it was to start once" in refused.reason


async def test_a_job_waits_for_one_that_is_not_submitted_yet_until_it_never_will_be() -> None:
    async with open_site() as site:
        came, left = await site.create(), await site.create()
        follows, waits = [await site.submit(options=after(one)) for one in (came, left)]
        await site.until(lambda: site.of(o.SubmissionIntended, waits))
        await site.submit_created(came)
        await site.reach(follows, JobState.COMPLETED)
        cancel = s.CancelSimulation(simulation=left, reason="rain")
        await site.issue(Context.SIMULATIONS, FIRE, cancel)
        refused = await site.reach(waits, JobState.FAILED)
        assert f"job {token_of(left)} is CANCELLED" in refused.reason
