"""What read models show of all that ends with an incident: runs, messages, failures."""

from uuid import UUID

import pytest

from events import incidents as e
from events import simulations as s
from events.incidents import Ending, IncidentStatus
from events.jobs import JobState, Witness
from events.values import Context, Event, IncidentId
from projections import Pool
from projections.graph import draw
from projections.incidents import find_incident
from projections.journal import read_journal
from projections.stages import RunStatus, StageRun, list_stage_runs
from tests.projections.story import Story
from tests.projections.tables import all_caught_up, running

DONE, FAILED, AT_WORK, WAITING, CLEAN_UP = (UUID(int=number) for number in range(1, 6))
ENDING = Ending(outcome=IncidentStatus.CANCELLED, reason="a false alarm")
REASON = "the incident ends: a false alarm"

AT_ONCE: list[Event] = [e.IncidentEnding(ending=ENDING, stopped=2, dropped=1)]
ONE_BY_ONE: list[Event] = [
    e.IncidentEnding(ending=ENDING),
    e.StageStopped(run=AT_WORK, reason=REASON),
    e.StageStopped(run=FAILED, reason=REASON),
    e.MessageDropped(message=WAITING, reason=REASON),
]


def queued(run: UUID) -> e.MessageQueued:
    return e.MessageQueued(message=run, stage=f"stage-{run.int}")


def started(run: UUID) -> e.StageStarted:
    return e.StageStarted(run=run, attempt=1, at=0.0)


async def told(ending: list[Event]) -> Story:
    """An incident with a run of each kind, a commit a second, and another one beside it."""
    story, incidents = await Story().begin(), Context.INCIDENTS
    for key in ("fire", "other"):
        created = e.IncidentCreated(
            incident=IncidentId(key), kind="test", workflow_version=1, name=key, parameters={},
            exercise=False, owner="",
        )  # fmt: skip
        await story.commit(incidents, key, created, e.IncidentActivated())
    await story.commit(incidents, "other", queued(UUID(int=9)))
    await story.commit(incidents, "fire", *map(queued, (DONE, FAILED, AT_WORK, WAITING)))
    await story.commit(incidents, "fire", *map(started, (DONE, FAILED, AT_WORK)))
    await story.commit(incidents, "fire", e.StageFailed(run=FAILED, error="no"))
    clean_up = [queued(CLEAN_UP), started(CLEAN_UP)]
    await story.commit(incidents, "fire", e.StageCompleted(run=DONE), *ending, *clean_up)
    return story


async def runs_of(pool: Pool, story: Story) -> list[StageRun]:
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
    return await list_stage_runs(pool, "fire")


@pytest.mark.parametrize("ending", [AT_ONCE, ONE_BY_ONE], ids=["at once", "one by one"])
async def test_what_ends_with_the_incident_is_stopped(pool: Pool, ending: list[Event]) -> None:
    story = await told(ending)
    runs = {run.run: run for run in await runs_of(pool, story)}
    shown = {run: (one.status, one.error, one.seconds) for run, one in runs.items()}
    assert shown == {
        DONE: (RunStatus.COMPLETED, None, 2.0),
        FAILED: (RunStatus.STOPPED, REASON, 1.0),
        AT_WORK: (RunStatus.STOPPED, REASON, 2.0),
        WAITING: (RunStatus.STOPPED, REASON, 0.0),
        CLEAN_UP: (RunStatus.RUNNING, None, 0.0),
    }
    assert runs[WAITING].ended == runs[DONE].ended
    assert [run.status for run in await list_stage_runs(pool, "other")] == [RunStatus.WAITING]
    drawn = {node.name: node.status for node in draw([*runs.values()], runs[DONE].queued).nodes}
    assert drawn["stage-4"] == RunStatus.STOPPED


@pytest.mark.parametrize("ending", [AT_ONCE, ONE_BY_ONE], ids=["at once", "one by one"])
async def test_no_failure_is_left_to_retry(pool: Pool, ending: list[Event]) -> None:
    await runs_of(pool, await told(ending))
    incident = await find_incident(pool, "fire")
    assert incident
    assert (incident.status, incident.failed_runs) == (IncidentStatus.ACTIVE, [])


async def test_the_journal_says_how_much_was_stopped_and_dropped(pool: Pool) -> None:
    await runs_of(pool, await told(AT_ONCE))
    newest, *_ = await read_journal(pool, "fire")
    assert newest.text == (
        "the incident ends (CANCELLED), runs stopped: 2, messages dropped: 1,"
        " its last stage cleans up"
    )


async def test_the_journal_names_stages_and_says_when_trying_again_is_no_use(pool: Pool) -> None:
    refused = "what the stage left was refused: a record of 5 bytes exceeds the limit of 4"
    story = await told(AT_ONCE)
    await story.commit(Context.INCIDENTS, "other", started(UUID(int=9)))
    await story.commit(Context.INCIDENTS, "other", e.StageFailed(run=UUID(int=9), error="boom"))
    await story.commit(Context.INCIDENTS, "other", e.StageFailed(run=UUID(int=9), error=refused))
    await runs_of(pool, story)
    permanent, boom, *_ = await read_journal(pool, "other")
    assert (boom.text, boom.next) == (
        "the stage stage-9 failed: boom",
        "Look at the error, then retry the stage or cancel the incident.",
    )
    assert permanent.text == f"the stage stage-9 failed: {refused}"
    assert "retry" not in permanent.next


async def test_what_a_run_was_refused_is_not_told_twice(pool: Pool) -> None:
    story = await told(AT_ONCE)
    reason = "this run is not current any more"
    await story.commit(Context.INCIDENTS, "fire", refused=reason, what="RequestCall")
    await story.commit(Context.INCIDENTS, "fire", refused="it is over", what="CancelIncident")
    await runs_of(pool, story)
    texts = [entry.text for entry in await read_journal(pool, "fire")]
    assert not any(reason in text for text in texts)
    assert "cancelling the incident was refused: it is over" in texts


async def test_the_journal_names_a_simulation_and_where_its_output_is(pool: Pool) -> None:
    story, id = await told(AT_ONCE), UUID("9c1e0f3a-0000-4000-8000-000000000000")
    request = s.SimulationRequest(
        kind="fire-spread", executable="false", resources=s.Resources(walltime=60)
    )
    for event in (
        s.SimulationCreated(
            simulation=id, incident="fire", request=request, exercise=False, reply_to=None
        ),
        s.SimulationPlaced(simulation=id, machine="archer", explanation="it is free"),
        s.SimulationStateChanged(
            simulation=id, state=JobState.FAILED, witness=Witness.STATUS_FILE, exit_code=7,
            reason="no fuel map",
        ),
    ):  # fmt: skip
        await story.commit(Context.SIMULATIONS, "fire", event)
    await runs_of(pool, story)
    newest, *_ = await read_journal(pool, "fire")
    assert newest.text == (
        "the simulation fire-spread (9c1e0f3a) is FAILED on archer, exit code 7, says status file:"
        " no fuel map"
    )
    assert "archer" in newest.next
    assert "vestec simulations show 9c1e0f3a" in newest.next
