"""Incidents as users see them: the fold without a database."""

from functools import reduce
from uuid import UUID

from bus.clock import timestamp
from events import incidents as e
from events.envelope import Commit, Recorded
from events.incidents import IncidentStatus
from events.values import Context, Event, IncidentId
from projections.incidents import TABLE, Incident

ONE, TWO = UUID(int=1), UUID(int=2)


def told(*events: Event) -> Incident:
    """An active incident after events."""
    created = e.IncidentCreated(
        incident=IncidentId("fire"),
        kind="simple",
        workflow_version=1,
        name="A fire",
        parameters={},
        exercise=False,
        owner="somebody",
    )
    recorded = [_recorded(event) for event in (created, e.IncidentActivated(), *events)]
    found = reduce(TABLE.evolve, recorded, None)
    assert found
    return found


def _recorded(event: Event) -> Recorded:
    id = UUID(int=0)
    time = timestamp(0.0)
    commit = Commit(id=id, time=time, key="fire", cause="test", correlation=id, actor="somebody")
    return Recorded(Context.INCIDENTS, 0, 0, 0, 0, commit, event)


def failed(run: UUID) -> e.StageFailed:
    return e.StageFailed(run=run, error="no")


def test_an_incident_is_in_error_while_a_failed_run_can_be_retried() -> None:
    assert told(failed(ONE)).failed_runs == [ONE]
    for settled in (e.StageRetried(run=ONE), e.StageStopped(run=ONE, reason="superseded")):
        one_left = told(failed(ONE), failed(TWO), settled)
        assert (one_left.status, one_left.failed_runs) == (IncidentStatus.ERROR, [TWO])
        none_left = told(failed(ONE), settled)
        assert (none_left.status, none_left.failed_runs) == (IncidentStatus.ACTIVE, [])


def test_a_run_that_is_stopped_at_work_settles_no_failure() -> None:
    stopped = told(failed(ONE), e.StageStopped(run=TWO, reason="superseded"))
    assert (stopped.status, stopped.failed_runs) == (IncidentStatus.ERROR, [ONE])
