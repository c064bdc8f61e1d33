"""What an operator sees of jobs, from commits that the managers themselves made."""

from uuid import uuid4

from events import operations as o
from events.incidents import IncidentCreated
from events.jobs import JobReport, JobState, Token, Witness, token_of
from events.machines import (
    FLEET,
    AccountsChange,
    CheckMachine,
    EditMachine,
    LoadNews,
    MachineAdded,
    MachineChanges,
    MachineLoad,
    MachineSeen,
    MachineSettings,
    Queue,
)
from events.simulations import CancelSimulation
from events.values import Context
from interfaces.machines.connection import MachineError
from interfaces.machines.simulated.fates import Fate
from projections import Pool
from projections.audit import read_audit
from projections.folders import Dates, dates_of, find_folder
from projections.journal import read_journal
from projections.machines import Machine, list_machines
from projections.people import Person, keep_person
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


async def test_a_word_that_nobody_knows_is_told_of_the_instance_that_it_was_said_of(
    pool: Pool,
) -> None:
    story, token = await Story(partitions=1).begin(), Token("v1")
    odd = JobReport(
        token=token, state=JobState.RUNNING, witness=Witness.QUEUE, unknown="DREAMING", instance=3
    )
    await story.commit(Context.OPERATIONS, "m", o.JobReported(report=odd), incident=FIRE)
    whole = odd.model_copy(update={"instance": None})
    await story.commit(Context.OPERATIONS, "m", o.JobReported(report=whole), incident=FIRE)
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
    of_all, of_one = [line.text for line in await read_journal(pool, FIRE)]
    assert of_one == f"the machine says 'DREAMING' of instance 3 of the job {token}"
    assert of_all == f"the machine says 'DREAMING' of the job {token}"


async def test_a_pause_for_want_of_room_is_told(pool: Pool) -> None:
    async with open_site() as site:
        simulation = await site.create()
        site.machine.full = "Disk quota exceeded"
        await site.submit_created(simulation)
        await site.reach(simulation, JobState.PENDING)
        shown = await _machine(site, pool)
        assert shown.trouble.startswith("there is no room for files")
        site.machine.full = ""
        await site.reach(simulation, JobState.COMPLETED)
        assert (await _machine(site, pool)).trouble == ""
        told = [line.result for line in await read_audit(pool, "m") if line.command == "submit"]
    (line,) = [one for one in await read_journal(pool, FIRE) if "not submitted" in one.text]
    assert (line.level, line.subject) == ("error", simulation)
    assert "Disk quota exceeded" in line.text
    paused = {"paused, there is no room", "goes on, there is room"}
    assert paused < {result.partition(":")[0] for result in told}


async def test_the_audit_tells_who_asked_and_whose_account_was_used(pool: Pool) -> None:
    ada = uuid4()
    await keep_person(pool, Person(id=ada, username="ada", name="Ada", email=""))
    async with open_site(long=Fate(run=60)) as site:
        of_hers = IncidentCreated(
            incident=FIRE,
            kind="wildfire",
            workflow_version=1,
            name="hers",
            parameters={},
            exercise=False,
            owner=str(ada),
        )
        await Story(partitions=1, log=site.log).commit(Context.INCIDENTS, FIRE, of_hers)
        account = AccountsChange(of={FIRE: "z01"})
        edit = EditMachine(name="m", changes=MachineChanges(accounts=account))
        await site.issue(Context.MACHINES, FLEET, edit, actor="root")
        job = await site.submit("long")
        await site.reach(job, JobState.RUNNING)
        cancel = CancelSimulation(simulation=job)
        await site.issue(Context.SIMULATIONS, FIRE, cancel, actor="bert")
        await site.reach(job, JobState.CANCELLED)
        check = CheckMachine(name="m", check=uuid4())
        await site.issue(Context.MACHINES, FLEET, check, actor="cli")
        await site.until(lambda: site.events(o.CheckConcluded))
        await _machine(site, pool)
        lines = await read_audit(pool, "m")
    told = [
        (line.command, line.result.partition(":")[0], line.actor, line.owner, line.account)
        for line in lines
    ]
    assert told == [
        ("configure", "local/processes", "test", None, None),
        ("configure", "local/processes", "root", None, None),
        ("submit", "intended", "test", "ada", "z01"),
        ("submit", "done", "test", "ada", "z01"),
        ("cancel", "intended", "bert", "ada", "z01"),
        ("cancel", "done", "bert", "ada", "z01"),
        ("check", "intended, with a job of a second", "cli", None, None),
        ("check", "done", "cli", None, None),
    ]


async def test_a_purge_that_nears_and_folders_that_go_are_told(pool: Pool) -> None:
    async with open_site(long=Fate(run=60)) as site:
        lasts = MachineChanges(folders={"keep": 0.1 / 86400, "purge": 1 / 86400})
        edit = EditMachine(name=site.settings.name, changes=lasts)
        await site.issue(Context.MACHINES, FLEET, edit)
        long, short = await site.submit("long"), await site.submit()
        await site.until(lambda: site.of(o.PurgeNears, long))
        await site.until(lambda: site.of(o.FolderRemoved, short))
        assert "removed there from" in (await _machine(site, pool)).trouble
        there, gone = [await find_folder(pool, token_of(one)) for one in (long, short)]
        done = [line for line in await read_audit(pool, "m") if line.command == "remove"]
    assert there is not None
    assert gone is not None
    assert gone.removed is not None
    dates = await dates_of(pool, there)
    assert dates.purged_from is not None
    assert dates.kept_until is None
    assert await dates_of(pool, gone) == Dates()
    told = [(line.result.partition(":")[0], line.simulation, line.incident) for line in done]
    assert told == [("intended", short, FIRE), ("done", short, FIRE)]
    lines = [one for one in await read_journal(pool, FIRE) if one.subject == long]
    (line,) = [one for one in lines if "removes its files" in one.text]
    assert line.level == "warning"


async def test_a_machine_is_shown_with_all_its_queues(pool: Pool) -> None:
    story = await Story(partitions=1).begin()
    settings = MachineSettings(name="m", base_directory="/m")
    await story.commit(Context.MACHINES, FLEET, MachineAdded(settings=settings))
    was: MachineLoad | None = None
    for jobs in (1, 2):
        queues = (Queue(name="b", running=jobs), Queue(name="a", running=1))
        now = MachineLoad(running=jobs + 1, queues=queues)
        seen = MachineSeen(name="m", reachable=True, load=LoadNews.of(was, now))
        await story.commit(Context.MACHINES, FLEET, seen)
        was = now
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
        (machine,) = await list_machines(pool)
    assert machine.load == was
