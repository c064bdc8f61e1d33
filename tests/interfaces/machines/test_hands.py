"""What hands do on a machine, what they tell of it, and what they keep to themselves."""

from events import machines as m
from events import operations as o
from events.jobs import JobReport, JobState, Witness, token_of
from events.values import Context
from interfaces.machines.connection import NotUnderstood, Unreachable
from interfaces.machines.fates import Fate
from tests.interfaces.machines.hands_site import Site, open_site


async def seen(site: Site, reachable: bool) -> m.MachineSeen:
    async def found() -> list[m.MachineSeen]:
        last = (await site.events(m.MachineSeen))[-1:]
        return [one for one in last if one.reachable is reachable]

    (one,) = await site.until(found)
    return one


async def operations(site: Site) -> int:
    return len(await site.commits(Context.OPERATIONS))


async def test_jobs_are_followed_though_the_load_cannot_be_read() -> None:
    async with open_site(long=Fate(run=0.5)) as site:
        simulation = await site.submit(executable="long")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.troubles["load"] = NotUnderstood("its answer is not understood: 'what?'")
        one = await seen(site, False)
        assert "not understood" in one.reason
        assert one.load is None
        await site.reach(simulation, JobState.COMPLETED)


async def test_polling_goes_on_though_jobs_cannot_be_asked_about() -> None:
    async with open_site(long=Fate(run=0.5)) as site:
        simulation = await site.submit(executable="long")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.troubles["ask"] = NotUnderstood("its answer is not understood: 'what?'")
        assert "not understood" in (await seen(site, False)).reason
        site.machine.troubles.clear()
        await seen(site, True)
        await site.reach(simulation, JobState.COMPLETED)


async def test_a_machine_where_nothing_happens_writes_nothing() -> None:
    async with open_site() as site:
        await seen(site, True)
        await site.looks()
        before = await operations(site)
        await site.looks()
        assert await operations(site) == before


async def test_a_machine_that_stays_away_is_told_of_once() -> None:
    async with open_site() as site:
        await seen(site, True)
        site.machine.troubles["ask"] = Unreachable("no route")
        await seen(site, False)
        before = await operations(site)
        await site.looks()
        assert await operations(site) == before


async def test_a_job_that_stays_lost_is_told_of_once() -> None:
    async with open_site(long=Fate(run=60)) as site:
        simulation = await site.submit(executable="long")
        await site.reach(simulation, JobState.RUNNING)
        token = token_of(simulation)
        gone = JobReport(token=token, state=JobState.ENDING, witness=Witness.QUEUE)
        for silence in (None, gone):
            site.machine.silent[token] = silence
            await site.reach(simulation, JobState.LOST)
            await site.looks()
            before = await operations(site)
            await site.looks()
            assert await operations(site) == before
        site.machine.silent.clear()
        reports = len(await site.of(o.JobReported, simulation))

        async def found() -> list[o.JobReported]:
            return (await site.of(o.JobReported, simulation))[reports:]

        assert (await site.until(found))[0].report.state == JobState.RUNNING
