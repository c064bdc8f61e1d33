"""Lanes, newer messages, bursts, periods, delays."""

from events import incidents as e
from events.incidents import Delivery, IncidentStatus
from events.simulations import CancelSimulationsOf
from events.values import Context
from managers.incidents import FailRun, Incident, LookAtClock
from managers.incidents.draft import AT_ONCE
from managers.runtime import Send
from tests.managers.incidents.site import (
    ID,
    active,
    arrival,
    arrives,
    asks,
    finished,
    incident,
    run,
    sent,
    status,
)
from tests.managers.scenario import NOW, Scenario


def test_a_stage_without_a_lane_runs_at_once_beside_itself() -> None:
    both = active().when(sent("plain", 1)).then(e.MessageQueued, e.StageStarted)
    both.when(sent("plain", 2)).then(e.MessageQueued, e.StageStarted)
    assert len(incident(both).runs) == 2


def test_stages_of_a_lane_run_one_at_a_time_in_order_of_arrival() -> None:
    lane = active().when(sent("a")).when(sent("b", 1)).then(e.MessageQueued)
    lane.when(sent("a", 2)).then(e.MessageQueued)
    lane.when(finished(lane, "a")).then(e.StageCompleted, e.StageStarted)
    assert run(lane, "b").message.body.json_value == 1
    lane.when(finished(lane, "b")).then(e.StageCompleted, e.StageStarted)
    assert run(lane, "a").message.body.json_value == 2


def test_what_a_stage_sends_leaves_with_its_completion() -> None:
    at_work = active().when(sent("a"))
    deliveries = [Delivery(stage="b"), Delivery(stage="plain"), Delivery(stage="b", after=5)]
    sender = run(at_work, "a").id
    at_work.when(finished(at_work, "a", deliveries=deliveries)).then(
        e.StageCompleted,
        *[e.MessageQueued] * 3,
        *[e.StageStarted] * 2,
    )
    queued = [event for event in at_work.effects if isinstance(event, e.MessageQueued)]
    assert [(one.stage, one.sender, one.due) for one in queued] == [
        ("b", sender, None),
        ("plain", sender, None),
        ("b", sender, NOW + 5),
    ]


def test_a_delayed_message_is_started_by_the_clock() -> None:
    delayed = active().when(sent("plain", after=30)).then(e.MessageQueued)
    assert delayed.manager.due(incident(delayed)) == NOW + 30
    delayed.later(29).when(LookAtClock()).then()
    delayed.later(1).when(LookAtClock()).then(e.StageStarted)
    assert delayed.manager.due(incident(delayed)) is None


def test_a_message_for_a_stage_that_is_gone_waits_for_nobody() -> None:
    active().when(sent("gone")).then(e.MessageQueued, e.StageStarted)


# The newest only.


def test_a_newer_message_stops_the_older_run_and_its_simulations() -> None:
    older = active().when(sent("newest", 1))
    stopped = run(older, "newest").id
    older.when(sent("newest", 2)).then(
        e.StageStopped, CancelSimulationsOf, e.MessageQueued, e.StageStarted
    )
    newer = run(older, "newest")
    assert older.effects[0] == e.StageStopped(
        run=stopped, reason="superseded by a newer message", superseded_by=newer.id
    )
    assert newer.message.body.json_value == 2


def test_a_newer_arrival_replaces_what_waits_and_what_is_to_be_tried_again() -> None:
    failing = active().when(sent("newest", 1)).when(sent("newest", 2, after=5))
    at_work = run(failing, "newest") if incident(failing).runs else None
    assert at_work is None
    failing.when(arrives("newest")).then(e.MessageDropped, e.MessageQueued, e.StageStarted)


def failed_newest() -> Scenario[Incident]:
    failed = active().when(sent("newest", 1))
    return failed.when(FailRun(run(failed, "newest").id, 1, "no")).then(e.StageFailed)


def test_a_newer_message_stops_the_older_failed_run_and_its_simulations() -> None:
    failed = failed_newest()
    (older,) = incident(failed).failed
    failed.when(sent("newest", 2)).then(
        e.StageStopped, CancelSimulationsOf, e.MessageQueued, e.StageStarted
    )
    newer = run(failed, "newest")
    reason = "superseded by a newer message"
    assert failed.effects[:2] == [
        e.StageStopped(run=older, reason=reason, superseded_by=newer.id),
        Send(Context.SIMULATIONS, ID, CancelSimulationsOf(run=older, reason=reason)),
    ]
    assert (incident(failed).failed, status(failed)) == ({}, IncidentStatus.ACTIVE)
    failed.when(e.RetryStage(run=older)).rejected("no such failed stage")


def test_a_superseded_failure_leaves_those_of_others() -> None:
    failed = failed_newest().when(sent("plain"))
    failed.when(FailRun(run(failed, "plain").id, 1, "no")).when(arrives("newest"))
    assert [left.message.stage for left in incident(failed).failed.values()] == ["plain"]
    assert status(failed) == IncidentStatus.ERROR


def test_a_renamed_stage_supersedes_messages_under_its_older_name() -> None:
    older = e.MessageQueued(message=arrival(7).id, stage="old-name", lane="new", due=NOW + 60)
    renamed = active().given(older)
    renamed.when(sent("newest")).then(e.MessageDropped, e.MessageQueued, e.StageStarted)
    renamed.when(sent("old-name")).then(
        e.StageStopped, CancelSimulationsOf, e.MessageQueued, e.StageStarted
    )
    assert run(renamed, "newest")


# Bursts.


def test_a_burst_is_one_run_when_it_was_quiet_for_long_enough() -> None:
    burst = active().when(arrives("burst", 1)).then(e.MessageQueued)
    burst.later(8).when(arrives("burst", 2, NOW + 8)).then(e.MessageExtended)
    assert burst.manager.due(incident(burst)) == NOW + 18
    burst.later(2).when(LookAtClock()).then()
    burst.later(8).when(LookAtClock()).then(e.StageStarted)
    assert run(burst, "burst").message.arrivals == (arrival(1), arrival(2, NOW + 8))


def test_a_burst_that_does_not_end_is_cut() -> None:
    burst = active().when(arrives("burst", 1))
    for number in (2, 3, 4):
        burst.later(8).when(arrives("burst", number, NOW + 8 * number)).then(e.MessageExtended)
    assert burst.manager.due(incident(burst)) == NOW + 25
    burst.later(1).when(LookAtClock()).then(e.StageStarted)
    assert len(run(burst, "burst").message.arrivals) == 4


def test_while_its_lane_is_busy_a_burst_goes_on() -> None:
    burst = active().when(arrives("burst", 1)).later(10).when(LookAtClock()).then(e.StageStarted)
    burst.when(arrives("burst", 2, NOW + 10)).then(e.MessageQueued)
    burst.later(90).when(arrives("burst", 3, NOW + 100)).then(e.MessageExtended)
    assert burst.manager.due(incident(burst)) is None
    burst.when(finished(burst, "burst")).then(e.StageCompleted, e.StageStarted)


def test_a_retried_burst_is_complete() -> None:
    failed = active().when(arrives("burst", 1)).later(10).when(LookAtClock())
    first = run(failed, "burst")
    failed.when(FailRun(first.id, 1, "no"))
    failed.when(arrives("burst", 2, NOW + 10)).later(10).when(LookAtClock()).then(e.StageStarted)
    failed.when(e.RetryStage()).then(e.StageRetried)
    failed.when(arrives("burst", 3, NOW + 20)).then(e.MessageQueued)
    assert incident(failed).waiting[first.id].arrivals == (arrival(1),)


# Periods.


def test_a_periodic_stage_queues_its_next_run_when_it_starts() -> None:
    ticking = active("ticking").then(e.IncidentActivated, e.MessageQueued)
    assert ticking.manager.due(incident(ticking)) == NOW + 60
    ticking.later(60).when(LookAtClock()).then(e.StageStarted, e.MessageQueued)
    assert ticking.manager.due(incident(ticking)) is None
    ticking.when(finished(ticking, "tick")).then(e.StageCompleted)
    assert ticking.manager.due(incident(ticking)) == NOW + 120


def test_periods_that_were_missed_are_not_made_up_for() -> None:
    ticking = active("ticking").later(250).when(LookAtClock())
    ticking.then(e.StageStarted, e.MessageQueued).when(finished(ticking, "tick"))
    assert ticking.manager.due(incident(ticking)) == NOW + 300


def test_a_retried_or_sent_run_starts_no_second_row_of_periods() -> None:
    ticking = active("ticking").later(60).when(LookAtClock())
    at_work = run(ticking, "tick")
    ticking.when(FailRun(at_work.id, 1, "no")).then(e.StageFailed)
    ticking.when(e.RetryStage()).then(e.StageRetried, e.StageStarted)
    ticking.when(finished(ticking, "tick")).then(e.StageCompleted)
    ticking.when(sent("tick", after=1)).later(1).when(LookAtClock()).then(e.StageStarted)
    ticking.when(finished(ticking, "tick"))
    assert [m.due for m in incident(ticking).waiting.values()] == [NOW + 120]


def test_an_answer_for_a_message_that_waits_reaches_nobody() -> None:
    lane = active().when(sent("a")).when(sent("b"))
    waiting = next(iter(incident(lane).waiting))
    lane.when(asks(lane, "a", "x")).then(e.CallRequested)
    lane.when(e.AnswerCall(run=waiting, call="x")).then()


# More than fits into one decision.


def beyond(number: int = 2 * AT_ONCE + 5) -> Scenario[Incident]:
    """So many messages whose time has come while nobody looked."""
    many = active()
    for n in range(number):
        many.when(sent("plain", n, after=30))
    return many.later(30)


def test_what_is_due_at_once_is_started_in_several_decisions_without_a_pause() -> None:
    many, decisions = beyond(), []
    while (moment := many.manager.due(incident(many))) is not None:
        assert moment not in decisions, "the timer waits before it rings for a moment again"
        assert moment <= many.now
        decisions.append(moment)
        many.later(0.001).when(LookAtClock())
        assert len(many.effects) <= AT_ONCE
    assert len(incident(many).runs) == 2 * AT_ONCE + 5
    assert len(decisions) == 3


def test_many_failed_stages_are_retried_in_several_decisions_and_once() -> None:
    many = active()
    for n in range(AT_ONCE + 5):
        many.when(sent("plain", n))
        last = list(incident(many).runs.values())[-1]
        many.when(FailRun(last.id, last.attempt, "no"))
    many.when(e.RetryStage())
    assert (len(incident(many).runs), len(incident(many).failed)) == (AT_ONCE, 5)
    again = run(many, "plain")
    many.when(FailRun(again.id, again.attempt, "still not"))
    assert many.manager.due(incident(many)) == many.now
    many.when(LookAtClock()).then(*[e.StageRetried] * 5, *[e.StageStarted] * 5)
    assert [*incident(many).failed] == [again.id]
    assert many.manager.due(incident(many)) is None
