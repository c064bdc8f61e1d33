"""How runs end, conflict, are tried again, resumed and given up."""

import math
from collections.abc import Iterable
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from events import incidents as e
from events.incidents import IncidentStatus
from events.values import Document, Note
from managers.incidents import FailRun, Incident, LookAtClock, RecordStep, RestRun, ResumeRun
from managers.incidents.inputs import RejectedArrival
from managers.incidents.runs import (
    HELD,
    HELD_APART,
    HELD_FOR_LONG,
    REFUSALS_OF_A_RUN,
    REFUSALS_TOLD,
    STARTS_AT_ONCE,
    STARTS_WHILE_WAITING,
    STARTS_WITHOUT_PROGRESS,
    place_of,
)
from tests.managers.incidents.site import (
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


def at_work(stage: str = "plain") -> Scenario[Incident]:
    return active().when(sent(stage))


def fails(of: Scenario[Incident], stage: str, *forget: str, final: bool = False) -> FailRun:
    one = run(of, stage)
    return FailRun(one.id, one.attempt, "it broke", "Traceback", forget, final)


def records(of: Scenario[Incident], stage: str, call: str, value: int = 1) -> RecordStep:
    one = run(of, stage)
    return RecordStep(one.id, one.attempt, call, "step f", Document(json_value=value))


def one(value: int) -> dict[str, Document]:
    return {"field": Document(json_value=value)}


# State, notes and refusals leave with the completion.


def test_a_stage_leaves_its_state_and_its_notes() -> None:
    end = at_work()
    note = Note(text="look")
    end.when(finished(end, "plain", state=one(1), notes=[note])).then(
        e.StageCompleted, e.Noted(note=note)
    )
    assert incident(end).state == one(1)


def test_who_set_what_another_one_set_meanwhile_starts_again_and_keeps_its_answers() -> None:
    two = active().when(sent("plain")).when(sent("flaky"))
    two.when(records(two, "flaky", "f")).later(5)
    two.when(finished(two, "plain", state=one(1)))
    two.when(finished(two, "flaky", state=one(2))).then(e.StageConflicted, e.StageStarted)
    again = run(two, "flaky")
    assert (again.attempt, again.at, again.state) == (2, NOW, one(1))
    assert again.calls.keys() == {"f"}
    two.when(finished(two, "flaky", state=one(2))).then(e.StageCompleted)
    assert incident(two).state == one(2)


def test_who_set_other_fields_conflicts_with_nobody() -> None:
    two = active().when(sent("plain")).when(sent("flaky"))
    two.when(finished(two, "plain", state=one(1)))
    other = {"other": Document(json_value=2)}
    two.when(finished(two, "flaky", state=other)).then(e.StageCompleted)
    assert incident(two).state == {**one(1), **other}


def test_a_conflict_is_no_failed_attempt() -> None:
    two = active().when(sent("plain")).when(sent("flaky"))
    two.when(finished(two, "plain", state=one(1))).when(finished(two, "flaky", state=one(2)))
    for _ in range(2):
        two.when(fails(two, "flaky")).then(e.StageAttemptFailed)
        two.later(60).when(LookAtClock()).then(e.StageStarted)
    two.when(fails(two, "flaky")).then(e.StageFailed)


def test_refused_arrivals_say_where_they_came_in() -> None:
    end = active().when(arrives("plain"))
    rejected = RejectedArrival(arrival().id, "row 3: no latitude")
    end.when(finished(end, "plain", rejected=[rejected])).then(
        e.StageCompleted,
        e.ArrivalRejected(
            arrival=arrival().id,
            reason="row 3: no latitude",
            run=run(active().when(arrives("plain")), "plain").id,
            endpoint="hot",
        ),
    )


def test_of_many_refused_rows_of_one_arrival_the_rest_is_counted() -> None:
    end = active().when(arrives("plain"))
    many = [RejectedArrival(arrival().id, f"row {row}") for row in range(1234)]
    end.when(finished(end, "plain", rejected=[*many, RejectedArrival(None, "and this")]))
    told = [event.reason for event in end.effects if isinstance(event, e.ArrivalRejected)]
    assert told[:REFUSALS_TOLD] == [f"row {row}" for row in range(REFUSALS_TOLD)]
    assert told[REFUSALS_TOLD:] == ["and this", "1184 more refusals of the same arrival"]


def test_of_a_burst_of_refused_arrivals_the_rest_is_counted() -> None:
    end = active().when(arrives("plain"))
    many = [RejectedArrival(arrival(number).id, "no") for number in range(5000)]
    end.when(finished(end, "plain", rejected=many))
    told = [event for event in end.effects if isinstance(event, e.ArrivalRejected)]
    assert len(told) == REFUSALS_OF_A_RUN + REFUSALS_TOLD + 1
    assert told[0].arrival == arrival(0).id
    assert told[-1].reason == f"{5000 - REFUSALS_OF_A_RUN - REFUSALS_TOLD} more refusals of others"


# Failures.


def test_a_failure_is_tried_again_after_longer_and_longer_waits() -> None:
    flaky = at_work("flaky")
    for wait in (3, 6):
        flaky.when(fails(flaky, "flaky")).then(e.StageAttemptFailed)
        assert flaky.manager.due(incident(flaky)) == flaky.now + wait
        assert not flaky.manager.under_way(incident(flaky))
        flaky.later(wait - 1).when(LookAtClock()).then()
        flaky.later(1).when(LookAtClock()).then(e.StageStarted)
        assert run(flaky, "flaky").at == NOW
    flaky.when(fails(flaky, "flaky")).then(e.StageFailed)
    assert status(flaky) == IncidentStatus.ERROR


def test_an_attempt_that_failed_is_not_heard_any_more() -> None:
    flaky = at_work("flaky")
    late, question = finished(flaky, "flaky"), asks(flaky, "flaky", "x")
    flaky.when(fails(flaky, "flaky")).then(e.StageAttemptFailed)
    flaky.when(late).rejected("not current")
    flaky.when(question).rejected("not current")


def test_a_retry_keeps_successes_but_not_what_was_part_of_the_failure() -> None:
    flaky = at_work("flaky")
    for call in ("good", "bad"):
        flaky.when(records(flaky, "flaky", call))
    flaky.when(asks(flaky, "flaky", "open")).when(asks(flaky, "flaky", "refused"))
    refused = e.AnswerCall(run=run(flaky, "flaky").id, call="refused", error="no")
    flaky.when(refused).then(e.CallAnswered)
    flaky.when(fails(flaky, "flaky", "bad")).later(3).when(LookAtClock()).then(e.StageStarted)
    again = run(flaky, "flaky")
    assert again.calls.keys() == {"good"}
    assert again.forgotten == {"bad": 1, "refused": 1}


def test_a_final_failure_is_not_tried_again() -> None:
    flaky = at_work("flaky")
    flaky.when(fails(flaky, "flaky", final=True)).then(e.StageFailed)
    assert status(flaky) == IncidentStatus.ERROR


def test_while_a_stage_is_failed_all_others_go_on() -> None:
    failed = at_work()
    failed.when(fails(failed, "plain")).when(sent("a")).then(e.MessageQueued, e.StageStarted)
    failed.when(arrives("b")).then(e.MessageQueued)
    failed.when(finished(failed, "a")).then(e.StageCompleted, e.StageStarted)


def test_an_operator_retries_a_failed_stage_which_keeps_its_successes() -> None:
    failed = at_work("flaky")
    failed.when(records(failed, "flaky", "good")).when(records(failed, "flaky", "bad"))
    id = run(failed, "flaky").id
    failed.when(fails(failed, "flaky", "bad", final=True))
    failed.when(e.RetryStage(run=id)).then(
        e.StageRetried(run=id, command=failed.id), e.StageStarted
    )
    again = run(failed, "flaky")
    assert (again.id, again.attempt, again.failures) == (id, 2, 0)
    assert again.calls.keys() == {"good"}
    assert again.forgotten == {"bad": 1}
    assert status(failed) == IncidentStatus.ACTIVE
    failed.when(fails(failed, "flaky")).then(e.StageAttemptFailed)


def test_a_retry_that_is_sent_twice_acts_once() -> None:
    failed = at_work("flaky")
    failed.when(fails(failed, "flaky", final=True)).when(e.RetryStage())
    wish = failed.id
    failed.when(fails(failed, "flaky", final=True)).when(e.RetryStage(), id=wish).then()
    failed.when(e.RetryStage(), id=UUID(int=77)).then(e.StageRetried, e.StageStarted)
    failed.when(fails(failed, "flaky", final=True)).when(e.RetryStage(), id=wish).then()


def test_a_retried_stage_comes_first_in_its_lane() -> None:
    lane = active().when(sent("a", 1)).when(sent("b", 2)).when(sent("a", 3))
    lane.when(fails(lane, "a")).then(e.StageFailed, e.StageStarted)
    lane.when(e.RetryStage()).then(e.StageRetried)
    lane.when(finished(lane, "b")).then(e.StageCompleted, e.StageStarted)
    assert run(lane, "a").message.body.json_value == 1


def test_the_incident_stays_in_error_until_the_last_failed_stage_is_retried() -> None:
    two = at_work()
    first = run(two, "plain").id
    two.when(fails(two, "plain")).when(sent("a")).when(fails(two, "a"))
    two.when(e.RetryStage(run=first))
    assert status(two) == IncidentStatus.ERROR
    two.when(e.RetryStage()).then(e.StageRetried, e.StageStarted)
    assert status(two) == IncidentStatus.ACTIVE


@pytest.mark.parametrize("wanted", [None, UUID(int=9)])
def test_there_must_be_something_to_retry(wanted: UUID | None) -> None:
    at_work().when(e.RetryStage(run=wanted)).rejected("no such failed stage")


# Crashes.


def test_a_stage_that_seems_to_kill_its_process_is_failed_after_a_few_runs() -> None:
    crashing = at_work("flaky")
    id = run(crashing, "flaky").id
    for starts in range(2, STARTS_WITHOUT_PROGRESS + 1):
        resumed(crashing, "flaky")
        assert run(crashing, "flaky").starts == starts
    crashing.elsewhere().when(ResumeRun(id)).then(e.StageFailed)
    assert "may have caused" in str(incident(crashing).failed[id].error)


def test_a_process_that_takes_over_from_itself_blames_nobody() -> None:
    """The database was away, or the lease ran out: nothing ended."""
    lasting = at_work("flaky")
    id = run(lasting, "flaky").id
    lasting.when(ResumeRun(id)).then(e.StageResumed)
    for _ in range(2 * STARTS_WITHOUT_PROGRESS):
        lasting.when(ResumeRun(id)).then()


def test_progress_clears_a_stage_of_blame() -> None:
    crashing = at_work()
    id = run(crashing, "plain").id
    for step in range(2 * STARTS_WITHOUT_PROGRESS):
        crashing.elsewhere().when(ResumeRun(id)).then(e.StageResumed)
        crashing.when(records(crashing, "plain", f"f {step}"))


def resumed(of: Scenario[Incident], stage: str) -> Scenario[Incident]:
    """The process ended, and another one took over; until the run is started again."""
    of.elsewhere()
    for input in of.manager.resume(incident(of)):
        of.when(input)
    if (until := run(of, stage).held) is not None:
        of.later(until - of.now).when(LookAtClock())
    again = run(of, stage)
    return of.then(e.StageResumed(run=again.id, starts=again.starts, process=of.process, at=of.now))


def rests(of: Scenario[Incident], stage: str) -> RestRun:
    one = run(of, stage)
    return RestRun(one.id, one.attempt)


def test_who_kills_its_process_beside_a_call_that_waits_is_failed_too() -> None:
    crashing = at_work().when(asks(at_work(), "plain", "x"))
    id = run(crashing, "plain").id
    for _ in range(STARTS_WHILE_WAITING - 1):
        resumed(crashing, "plain")
    crashing.elsewhere().when(ResumeRun(id)).then(e.StageFailed)
    assert f"ended {STARTS_WHILE_WAITING} times" in str(incident(crashing).failed[id].error)


def test_who_only_waits_is_not_blamed_however_often_others_end_its_process() -> None:
    waiting = at_work().when(asks(at_work(), "plain", "x"))
    for _ in range(3 * STARTS_WHILE_WAITING):
        resumed(waiting, "plain").when(rests(waiting, "plain")).then(e.StageRested)
        assert run(waiting, "plain").starts == 1


def test_while_who_kills_at_once_is_failed_others_that_wait_are_not() -> None:
    """None of them had the time to come to rest."""
    two = at_work().when(sent("flaky"))
    two.when(asks(two, "plain", "x"))
    while not incident(two).failed:
        two.elsewhere().later(HELD + HELD_APART).when(LookAtClock())
        for input in two.manager.resume(incident(two)):
            two.when(input)
    two.later(HELD + HELD_FOR_LONG).when(LookAtClock())
    assert [failed.message.stage for failed in incident(two).failed.values()] == ["flaky"]
    two.when(rests(two, "plain")).then(e.StageRested)


# Who is busy while another one ends the process.


def test_the_first_times_a_run_is_resumed_at_once_then_after_a_pause() -> None:
    crashing = at_work("flaky")
    for _ in range(STARTS_AT_ONCE - 1):
        crashing.elsewhere().when(ResumeRun(run(crashing, "flaky").id)).then(e.StageResumed)
    crashing.elsewhere().when(ResumeRun(run(crashing, "flaky").id)).then(e.StageHeld)
    held = run(crashing, "flaky").held
    assert held is not None
    assert HELD <= held - crashing.now <= HELD + HELD_APART
    assert crashing.manager.due(incident(crashing)) == held
    assert not crashing.manager.under_way(incident(crashing))
    crashing.later(HELD / 2).elsewhere()
    assert [*crashing.manager.resume(incident(crashing))] == [], "what is held is not counted"
    crashing.when(ResumeRun(run(crashing, "flaky").id)).then().when(LookAtClock()).then()
    crashing.later(HELD + HELD_APART).when(LookAtClock()).then(e.StageResumed)
    assert crashing.manager.under_way(incident(crashing))


@given(
    culprit=st.uuids(version=4),
    innocent=st.uuids(version=4),
    ends_after=st.floats(0.0, 1.0),
    away=st.floats(0.1, 10.0),
)
def test_who_is_busy_beside_who_ends_the_process_is_not_failed_with_it(
    culprit: UUID, innocent: UUID, ends_after: float, away: float
) -> None:
    """The innocent makes no progress at all; they share the process, and nothing else."""
    guilty, busy = active().when(sent("plain"), id=culprit), active().when(sent("a"), id=innocent)
    apart = place_of(run(guilty, "plain").id) - place_of(run(busy, "a").id)
    assume(abs(apart) * HELD_APART > ends_after + 0.1)
    both = (guilty, busy)
    while incident(guilty).runs:
        if not guilty.manager.under_way(incident(guilty)):
            pass_time(next_moment(both) - guilty.now, *both)
            continue
        pass_time(ends_after, *both)
        for one in both:
            one.elsewhere().later(away)
            for input in one.manager.resume(incident(one)):
                one.when(input)
    assert not incident(busy).failed


def next_moment(scenarios: Iterable[Scenario[Incident]]) -> float:
    """When the clock has to be looked at for one of them."""
    due = (one.manager.due(incident(one)) for one in scenarios)
    return min((moment for moment in due if moment is not None), default=math.inf)


def pass_time(seconds: float, *scenarios: Scenario[Incident]) -> None:
    """For all of them alike; timers ring when it is time."""
    until = scenarios[0].now + seconds
    while (now := min(max(next_moment(scenarios), scenarios[0].now), until)) < until:
        look_at_clock(now, *scenarios)
    look_at_clock(until, *scenarios)


def look_at_clock(now: float, *scenarios: Scenario[Incident]) -> None:
    for one in scenarios:
        one.later(now - one.now).when(LookAtClock())


def test_who_was_never_resumed_rests_without_a_word() -> None:
    waiting = at_work().when(asks(at_work(), "plain", "x"))
    waiting.when(rests(waiting, "plain")).then()
    waiting.when(RestRun(run(waiting, "plain").id, 2)).rejected("not current")


def test_who_waits_to_be_tried_again_is_not_resumed() -> None:
    flaky = at_work("flaky")
    flaky.when(fails(flaky, "flaky")).then(e.StageAttemptFailed)
    assert [*flaky.manager.resume(incident(flaky))] == []


def test_a_run_that_is_over_is_not_resumed() -> None:
    at_work().when(ResumeRun(UUID(int=9))).then()
