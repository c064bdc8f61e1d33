"""Runs of stages and the graph of them: folds without a database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from bus.clock import timestamp
from events import incidents as e
from events.envelope import Commit, Recorded
from events.incidents import Ending, IncidentStatus
from events.values import Context, Event
from projections.graph import dot, draw
from projections.stages import TABLE, RunStatus, StageRun

ONE, TWO = UUID(int=1), UUID(int=2)


def told(*commits: Sequence[Event], cause: str = "test") -> list[StageRun]:
    """The runs after commits that are a second apart, in order of their messages."""
    rows: dict[UUID, StageRun] = {}
    for second, events in enumerate(commits):
        commit = Commit(
            id=UUID(int=0),
            time=timestamp(float(second)),
            key="fire",
            cause=cause,
            correlation=UUID(int=0),
            actor="somebody",
            events=tuple(events),
        )
        for event in events:
            it = Recorded(Context.INCIDENTS, 0, second, 0, 0, commit, event)
            key = TABLE.key_of(it)
            if key and (row := TABLE.evolve(rows.get(key), it)):
                rows[key] = row
    return list(rows.values())


def queued(run: UUID = ONE, stage: str = "map", sender: UUID | None = None) -> e.MessageQueued:
    return e.MessageQueued(message=run, stage=stage, sender=sender)


def started(run: UUID = ONE, attempt: int = 1) -> e.StageStarted:
    return e.StageStarted(run=run, attempt=attempt, at=0.0)


def second(number: float) -> datetime:
    return datetime.fromtimestamp(number, UTC)


def test_a_run_waits_runs_and_completes() -> None:
    (run,) = told([queued()], [started()], [], [e.StageCompleted(run=ONE)])
    assert (run.status, run.attempt, run.seconds) == (RunStatus.COMPLETED, 1, 2.0)
    assert (run.queued, run.started, run.ended) == (second(0), second(1), second(3))


def test_attempts_add_up_and_waiting_does_not_count() -> None:
    failed = e.StageAttemptFailed(run=ONE, error="no", retry_at=9.0)
    (run,) = told([queued()], [started()], [failed], [], [started(attempt=2)], [])
    assert (run.status, run.attempt, run.seconds, run.error) == (RunStatus.RUNNING, 2, 1.0, "no")
    (waiting,) = told([queued()], [started()], [failed])
    assert (waiting.status, waiting.due) == (RunStatus.WAITING, second(9))


def test_a_failed_run_is_retried() -> None:
    failed = e.StageFailed(run=ONE, error="no")
    (run,) = told([queued()], [started()], [failed], [e.StageRetried(run=ONE)])
    assert (run.status, run.ended, run.seconds) == (RunStatus.WAITING, None, 1.0)


def test_what_was_superseded_or_dropped_is_stopped_with_its_reason() -> None:
    stopped = e.StageStopped(run=ONE, reason="superseded", superseded_by=TWO)
    dropped = e.MessageDropped(message=TWO, reason="the incident ends")
    one, two = told([queued(), queued(TWO)], [started()], [stopped], [dropped])
    assert (one.status, one.error) == (RunStatus.STOPPED, "superseded")
    assert (two.status, two.error) == (RunStatus.STOPPED, "the incident ends")


ENDING = e.IncidentEnding(ending=Ending(outcome=IncidentStatus.CANCELLED))


@pytest.mark.parametrize(
    ("siblings", "cause", "origin"),
    [
        ([e.IncidentActivated()], "test", "activateIncident"),
        ([ENDING], "test", "cancelIncident"),
        ([], "simulations/3/17", "Simulation"),
        ([], "incidents.work", "timer"),
    ],
)
def test_who_sent_what_no_run_sent(siblings: list[Event], cause: str, origin: str) -> None:
    (run,) = told([*siblings, queued()], cause=cause)
    assert run.origin == origin


def test_the_graph_in_graphviz_language() -> None:
    activate = [e.IncidentActivated(), queued(), started()]
    follow = [e.StageCompleted(run=ONE), queued(TWO, "fore.cast", ONE)]
    runs = told(activate, follow, [started(TWO)])
    assert dot(draw(runs, second(4.5))) == (
        'strict digraph "" {\n'
        '\tnode [label="\\N"];\n'
        "\tactivateIncident\t[fillcolor=chartreuse,"
        ' label="activateIncident (0:00:00)", style=filled];\n'
        '\tmap\t[fillcolor=chartreuse, label="map (0:00:01)", style=filled,'
        ' tooltip="Completed 01/01/1970, 00:00:01"];\n'
        '\t"fore.cast"\t[fillcolor=orange, label="fore.cast (0:00:02.500000)", style=filled,'
        ' tooltip="Message received 01/01/1970, 00:00:02"];\n'
        "\tactivateIncident -> map;\n"
        '\tmap -> "fore.cast";\n'
        "}\n"
    )


def test_a_stage_that_sends_to_itself_makes_the_graph_not_strict() -> None:
    runs = told([queued()], [started()], [e.StageCompleted(run=ONE), queued(TWO, "map", ONE)])
    assert dot(draw(runs, second(9))).startswith('digraph "" {')
    assert dot(draw([], second(0))) == 'strict digraph "" {\n}\n'


def test_the_newest_run_gives_a_stage_its_state() -> None:
    stopped = [e.StageStopped(run=ONE, reason="superseded"), queued(TWO), started(TWO)]
    graph = draw(told([queued(), started()], stopped), second(3))
    (_, node) = graph.nodes
    assert (node.status, node.runs, node.seconds) == (RunStatus.RUNNING, 2, 3.0)
