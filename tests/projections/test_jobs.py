"""What an operator sees of jobs, from commits that the managers themselves made."""

from events import operations as o
from events.jobs import JobState, token_of
from events.values import Context
from interfaces.machines.connection import MachineError
from interfaces.machines.fates import Fate
from projections import Pool
from projections.journal import read_journal
from projections.machines import Machine, list_machines
from projections.timeline import incident_timeline
from tests.interfaces.machines.hands_site import FIRE, Site, open_site
from tests.projections.story import Story
from tests.projections.tables import all_caught_up, running

FULL = MachineError("cannot write: Disk quota exceeded")


async def _machine(site: Site, pool: Pool) -> Machine:
    """The one machine, as read models show it now."""
    story = Story(partitions=1, log=site.log)
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
        (machine,) = await list_machines(pool)
    return machine


async def test_trouble_doubt_and_refusal_are_in_the_incidents_log_and_its_timeline(
    pool: Pool,
) -> None:
    fates = {"doubted": Fate(run=0.05, answer_lost=True), "bad": Fate(refused="no such account")}
    async with open_site(**fates) as site:
        site.machine.troubles["prepare"] = FULL
        doubted = await site.submit("doubted")
        await site.until(lambda: site.of(o.TaskHindered, doubted))
        hindered = await _machine(site, pool)
        assert hindered.trouble == str(FULL)
        assert hindered.trouble_since is not None
        del site.machine.troubles["prepare"]
        await site.reach(doubted, JobState.COMPLETED)
        refused = await site.submit("bad")
        await site.reach(refused, JobState.FAILED)
        mended = await _machine(site, pool)
        assert (mended.trouble, mended.trouble_since) == ("", None)
    lines = {entry.text: entry for entry in await read_journal(pool, FIRE)}
    job = f"the job {token_of(doubted)} of the simulation test ({str(doubted)[:8]})"
    trouble = lines[f"submitting {job} fails and is tried again: {FULL}"]
    assert (trouble.level, bool(trouble.next)) == ("warning", True)
    assert trouble.subject == doubted
    assert any(f"nobody knows whether {job} was submitted" in text for text in lines)
    job = f"the job {token_of(refused)} of the simulation test ({str(refused)[:8]})"
    assert f"the machine refused {job}: no such account" in lines
    timeline = await incident_timeline(pool, FIRE)
    told = [one.type for one in timeline if one.context == Context.OPERATIONS]
    for type in ("SubmissionIntended", "TaskHindered", "SubmissionDoubted", "JobReported"):
        assert type in told
    correlations = {one.correlation for one in timeline if one.type == "JobReported"}
    assert correlations == {one.correlation for one in timeline if one.type == "SubmissionIntended"}
