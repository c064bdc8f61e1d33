"""Simulations: looked at and steered by those who see their incident."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from events.incidents import IncidentCreated
from events.jobs import JobReport, JobRequest, JobState, Waiting, Witness, token_of
from events.machines import FLEET, MachineAdded, MachineFolders, MachineSettings
from events.operations import (
    CopiesSeen,
    JobReleased,
    JobReported,
    MachineConfigured,
    RetrySubmission,
    SubmissionIntended,
)
from events.simulations import (
    Resources,
    SimulationCreated,
    SimulationPlaced,
    SimulationRequest,
    SimulationStateChanged,
    SimulationSubmitted,
    StartForeseen,
)
from events.values import Context, Document, IncidentId
from managers.simulations import simulation_manager
from projections import Pool
from projections.timeline import TimelineEvent
from tests.interfaces.gateway.site import ANNA, BERT, ROOT, Site, managed, open_site, sent
from tests.projections.tables import all_caught_up

FIRE = IncidentId("00000000-0000-4000-8000-000000000001")


@asynccontextmanager
async def submitted(
    pool: Pool, state: JobState, stuck: Waiting | None = None
) -> AsyncIterator[tuple[Site, UUID]]:
    """A simulation of Anna's incident on the machine `archer`; its manager is at work."""
    id = uuid4()
    async with open_site(pool) as site:
        created = IncidentCreated(
            incident=FIRE,
            kind="plain",
            workflow_version=1,
            name="A fire",
            parameters={},
            exercise=False,
            owner=str(ANNA),
        )
        await site.story.commit(Context.INCIDENTS, FIRE, created)
        wanted = SimulationRequest(
            kind="spread", executable="true", resources=Resources(walltime=60)
        )
        made = SimulationCreated(
            simulation=id, incident=FIRE, request=wanted, exercise=False, reply_to=None
        )
        where = SimulationPlaced(simulation=id, machine="archer", explanation="the only one")
        submission = SimulationSubmitted(simulation=id, callbacks={}, context=Document())
        now = SimulationStateChanged(
            simulation=id, state=state, witness=Witness.QUEUE, attempt=1, stuck=stuck
        )
        soon = StartForeseen(simulation=id, expected=1_800_000_000)
        await site.story.commit(Context.SIMULATIONS, FIRE, made, where, submission, now, soon)
        await all_caught_up(site.edge.reader, site.story)
        async with managed(site.story, simulation_manager()):
            yield site, id


async def told(site: Site, type: str) -> list[TimelineEvent]:
    """The incident's events of a type."""
    await all_caught_up(site.edge.reader, site.story)
    page = await site.get(f"/api/v1/incidents/{FIRE}/timeline")
    events = [TimelineEvent.model_validate(item) for item in page["items"]]
    return [event for event in events if event.type == type]


async def log_of(site: Site, word: str) -> set[str]:
    """Those of the lines in the incident's log that have the word."""
    await all_caught_up(site.edge.reader, site.story)
    lines: list[dict[str, Any]] = (await site.get(f"/api/v1/incidents/{FIRE}/log"))["items"]
    return {line["text"] for line in lines if word in line["text"]}


async def test_a_simulation_is_held_and_released_by_those_who_see_it(pool: Pool) -> None:
    async with submitted(pool, JobState.QUEUED) as (site, id):
        path = f"/api/v1/simulations/{id}"
        await site.post(f"{path}/hold", BERT, 404)
        await site.post(f"/api/v1/simulations/{uuid4()}/hold", status=404)
        held = await site.post(f"{path}/hold", json={"reason": "no weather yet"})
        assert (held["state"], held["expected"]) == ("QUEUED", "2027-01-15T08:00:00Z")
        await site.post(f"{path}/release")
        texts = await log_of(site, "is to be")
        assert {text.rpartition(" is to be ")[2] for text in texts} == {
            "held: no weather yet",
            "released",
        }


async def test_a_simulation_is_cancelled_once_by_those_who_see_it(pool: Pool) -> None:
    async with submitted(pool, JobState.RUNNING) as (site, id):
        path, wrong = f"/api/v1/simulations/{id}/cancel", {"reason": "wrong wind"}
        await site.post(path, BERT, 404, json=wrong)
        await site.post(f"/api/v1/simulations/{uuid4()}/cancel", ROOT, 404)
        misspelt = await site.post(path, status=422, json={"reasons": "wrong wind"})
        assert misspelt["errors"][0]["where"] == "reasons"
        key = {"Idempotency-Key": str(uuid4())}
        for user in (ANNA, ANNA, ROOT):
            found = await site.post(path, user, json=wrong, headers=key)
            assert (found["state"], found["cancelling"]) == ("RUNNING", True)
            assert found["reason"] == "wrong wind"
        await site.post(path, status=409, json={"reason": "another"}, headers=key)
        assert len(await told(site, "CancellationRequested")) == 1


async def test_what_has_ended_stays_as_it_is_when_it_is_cancelled(pool: Pool) -> None:
    async with submitted(pool, JobState.COMPLETED) as (site, id):
        found = await site.post(f"/api/v1/simulations/{id}/cancel")
        assert (found["state"], found["cancelling"]) == ("COMPLETED", False)
        assert not await told(site, "CancellationRequested")


async def test_what_is_not_stuck_is_not_submitted_again(pool: Pool) -> None:
    async with submitted(pool, JobState.RUNNING) as (site, id):
        refused = await site.post(f"/api/v1/simulations/{id}/retry", status=409)
        assert "does not wait for somebody to submit it again" in refused["detail"]


async def test_what_is_stuck_is_submitted_again_once(pool: Pool) -> None:
    async with submitted(pool, JobState.PENDING, Waiting.NEEDS_A_HUMAN) as (site, id):
        path, key = f"/api/v1/simulations/{id}/retry", {"Idempotency-Key": str(uuid4())}
        await site.post(path, BERT, 404)
        for _ in range(2):
            assert (await site.post(path, headers=key))["state"] == "PENDING"
        assert await sent(site.story, Context.SIMULATIONS) == [RetrySubmission(token=token_of(id))]


async def test_a_simulation_says_where_its_files_are_and_until_when(pool: Pool) -> None:
    async with submitted(pool, JobState.COMPLETED) as (site, id):
        path, token = f"/api/v1/simulations/{id}", token_of(id)
        assert (await site.get(path))["folder"] is None
        folders = MachineFolders(keep=10, purge=30)
        settings = MachineSettings(name="archer", base_directory="/scratch", folders=folders)
        await site.story.commit(Context.MACHINES, FLEET, MachineAdded(settings=settings))
        request = JobRequest(token=token, executable="true", walltime=60)
        ended = datetime(2027, 1, 1, tzinfo=UTC)
        report = JobReport(
            token=token,
            state=JobState.COMPLETED,
            witness=Witness.STATUS_FILE,
            attempt=1,
            ended=ended.timestamp(),
        )
        await site.story.commit(
            Context.OPERATIONS,
            "archer",
            MachineConfigured(settings=settings),
            SubmissionIntended(simulation=id, incident=FIRE, request=request, inputs={}),
            JobReported(report=report),
            CopiesSeen(token=token, copies=1),
            JobReleased(token=token, at=ended.timestamp()),
        )
        await all_caught_up(site.edge.reader, site.story)
        found = await site.get(path)
        assert (found["folder"], found["copies"]) == (f"/scratch/jobs/{token}", 1)
        until = datetime.fromisoformat(found["folder_purged_from"])
        assert until == ended + timedelta(days=30)
        machine = await site.get("/api/v1/machines/archer")
        dates = ("folder_kept_until", "folder_purged_from")
        assert [machine[name] for name in dates] == [found[name] for name in dates]
        assert found["folder_kept_until"]
        await site.get(path, BERT, 404)
