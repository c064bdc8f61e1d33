"""From creation to archive."""

from uuid import UUID

import pytest

from events import incidents as e
from events.datasets import CloseDataSets
from events.endpoints import CloseAllEndpoints
from events.incidents import Delivery, Ending, IncidentStatus
from events.simulations import (
    CancelAllSimulations,
    CloseSimulations,
    CreateSimulation,
    Resources,
    SimulationRequest,
)
from events.values import Context, Document, Note, Target, Urgency
from managers.incidents import FailRun, FinishRun, Incident, LookAtClock, ResumeRun
from managers.runtime import Send
from tests.managers.incidents.site import (
    ID,
    active,
    arrives,
    asks,
    created,
    empty,
    finished,
    incident,
    run,
    sent,
    status,
)
from tests.managers.scenario import Scenario

OVER = (e.IncidentEnded, CloseSimulations, CloseAllEndpoints, CloseDataSets)
CANCELLED = Ending(outcome=IncidentStatus.CANCELLED, reason="a false alarm")
DONE = Ending(outcome=IncidentStatus.COMPLETE, reason="all well")


def test_a_new_incident_has_checked_parameters() -> None:
    wanted = e.CreateIncident(incident=ID, kind="test", name="a fire", exercise=True, owner="me")
    made = e.IncidentCreated(
        incident=ID,
        kind="test",
        workflow_version=3,
        name="a fire",
        parameters={"size": 1},
        exercise=True,
        owner="me",
    )
    empty().when(wanted).then(made).when(wanted).then()


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    wanted = e.CreateIncident(incident=ID, kind="flood", name="water")
    empty().when(wanted).rejected("unknown kind of incident 'flood'", "test, ticking, whole")


def test_parameters_are_refused_with_the_workflows_own_words() -> None:
    wanted = e.CreateIncident(incident=ID, kind="test", name="x", parameters={"size": -1})
    empty().when(wanted).rejected("parameters of test", "size: must not be negative")


def test_nothing_happens_to_an_incident_that_is_not_there() -> None:
    empty().when(e.ActivateIncident()).rejected("no such incident")


def test_a_command_of_somebody_else_is_refused() -> None:
    created().when(CloseDataSets()).rejected("do not take CloseDataSets")


def test_activation_starts_the_first_stage_once() -> None:
    activated = created("whole").when(e.ActivateIncident())
    activated.then(e.IncidentActivated(), e.MessageQueued, e.StageStarted)
    assert run(activated, "start").attempt == 1
    activated.when(e.ActivateIncident()).rejected("ACTIVE already")


def test_a_workflow_that_is_gone_cannot_be_activated() -> None:
    gone = e.IncidentCreated(
        incident=ID, kind="gone", workflow_version=1, name="x", parameters={}, exercise=False,
        owner="",
    )  # fmt: skip
    empty().given(gone).when(e.ActivateIncident()).rejected("gone is not installed")


def test_simulations_press_as_the_incident_does_when_they_are_created() -> None:
    made = e.CreateIncident(incident=ID, kind="test", name="x", urgency=Urgency.URGENT, owner="ada")
    at_work = empty().when(made).when(e.ActivateIncident()).when(sent("plain"))
    new = _new_simulation(at_work)
    assert (new.urgency, new.owner) == (Urgency.URGENT, "ada")
    pressing = e.SetUrgency(urgency=Urgency.CRITICAL, reason="the fire has reached the town")
    at_work.when(pressing).then(e.UrgencySet).when(pressing).then()
    assert _new_simulation(at_work, "another").urgency == Urgency.CRITICAL
    at_work.when(e.CancelIncident()).when(pressing).rejected("the incident is over")


def _new_simulation(at_work: Scenario[Incident], call: str = "one") -> CreateSimulation:
    resources = Resources(walltime=60)
    wanted = SimulationRequest(kind="spread", executable="true", resources=resources)
    create = CreateSimulation(simulation=UUID(int=1), incident=ID, request=wanted)
    target = Target(context=Context.SIMULATIONS, key=ID)
    at_work.when(asks(at_work, "plain", call, name="create", target=target, command=create))
    (sent,) = [effect for effect in at_work.effects if isinstance(effect, Send)]
    assert isinstance(sent.command, CreateSimulation)
    return sent.command


def test_cancelled_before_it_began_it_needs_no_clean_up() -> None:
    over = created("whole").when(e.CancelIncident(reason="a false alarm"))
    over.then(e.IncidentEnding(ending=CANCELLED), *OVER)
    assert status(over) == IncidentStatus.CANCELLED


def test_cancelling_stops_and_drops_everything() -> None:
    busy = active().when(sent("a")).when(sent("b")).when(sent("plain", after=60))
    over = busy.when(e.CancelIncident(reason="a false alarm"))
    over.then(e.IncidentEnding(ending=CANCELLED, stopped=1, dropped=2), *OVER)
    over.when(sent("a")).rejected("the incident is over (CANCELLED)")


def test_what_ends_with_an_incident_is_gone_before_it_is_cleaned_up() -> None:
    busy = active("whole").when(sent("a")).when(sent("b")).when(sent("plain"))
    busy.when(FailRun(run(busy, "plain").id, 1, "no")).when(e.CancelIncident())
    left = incident(busy)
    assert busy.effects[0] == e.IncidentEnding(
        ending=Ending(outcome=IncidentStatus.CANCELLED), stopped=3, dropped=1
    )
    assert [one.message.stage for one in left.runs.values()] == ["clean"]
    assert [*left.waiting, *left.failed] == []
    assert left.status == IncidentStatus.ACTIVE


def test_in_older_logs_each_run_and_message_has_an_end_of_its_own() -> None:
    busy = active("whole").when(sent("a")).when(sent("b"))
    stopped = [e.StageStopped(run=run, reason="over") for run in incident(busy).runs]
    dropped = [e.MessageDropped(message=id, reason="over") for id in incident(busy).waiting]
    busy.given(e.IncidentEnding(ending=CANCELLED), *stopped, *dropped)
    left = incident(busy)
    assert [*left.runs, *left.waiting, *left.failed] == []
    assert left.ending == CANCELLED


def test_what_is_over_keeps_only_its_status() -> None:
    over = active().when(sent("a")).when(sent("b")).when(e.CancelIncident())
    left = incident(over)
    assert left == Incident(status=IncidentStatus.CANCELLED)
    assert over.manager.due(left) is None
    assert [*over.manager.resume(left), *over.manager.under_way(left)] == []


@pytest.mark.parametrize("archived", [False, True])
def test_what_is_over_answers_late_commands_as_what_is_over(archived: bool) -> None:
    over = active().when(sent("a"))
    late = finished(over, "a")
    over.when(e.CancelIncident())
    if archived:
        over.when(e.ArchiveIncident()).then(e.IncidentArchived)
    over.when(e.CreateIncident(incident=ID, kind="test", name="a fire")).then()
    over.when(e.TakeNote(note=Note(text="seen"))).then(e.Noted)
    over.when(e.AnswerCall(run=late.run, call="c")).then()
    over.when(LookAtClock()).then()
    over.when(ResumeRun(late.run)).then()
    over.when(late).rejected("not current")
    over.when(e.RetryStage()).rejected("no such failed stage")
    over.when(e.AnswerQuestion(question=late.run, choice="yes")).rejected("nobody waits")
    for command in (
        e.ActivateIncident(),
        e.CancelIncident(),
        e.CancelIncident(force=True),
        e.SetUrgency(urgency=Urgency.URGENT),
        arrives("a"),
        sent("a"),
    ):
        over.when(command).rejected("the incident is over", status(over))
    over.when(e.ArchiveIncident()).then(*([] if archived else [e.IncidentArchived]))
    assert incident(over) == Incident(status=IncidentStatus.ARCHIVED)


def test_the_last_stage_cleans_up_also_after_cancellation() -> None:
    ending = active("whole").when(e.CancelIncident(reason="a false alarm"))
    ending.then(
        e.IncidentEnding,
        CancelAllSimulations,
        CloseAllEndpoints,
        e.MessageQueued,
        e.StageStarted,
    )
    ending.when(arrives("plain")).rejected("ending")
    ending.when(finished(ending, "clean")).then(e.StageCompleted, *OVER)
    assert status(ending) == IncidentStatus.CANCELLED


def test_a_clean_up_that_fails_ends_the_incident_all_the_same() -> None:
    ending = active("whole").when(e.CancelIncident())
    clean = run(ending, "clean")
    ending.when(FailRun(clean.id, 1, "no")).then(e.StageFailed, *OVER)
    assert status(ending) == IncidentStatus.CANCELLED


def test_a_clean_up_that_does_not_end_is_stopped_by_force() -> None:
    ending = active("whole").when(e.CancelIncident(reason="a false alarm"))
    clean = run(ending, "clean").id
    ending.when(asks(ending, "clean", "an answer that never comes"))
    ending.when(e.CancelIncident(reason="it hangs")).rejected("by force")
    ending.when(e.CancelIncident(reason="it hangs", force=True)).then(
        e.StageStopped(run=clean, reason="its clean-up was stopped: it hangs"), *OVER
    )
    reason = "a false alarm; its clean-up was stopped: it hangs"
    ended = Ending(outcome=IncidentStatus.CANCELLED, reason=reason)
    assert ending.effects[1] == e.IncidentEnded(ending=ended)
    assert status(ending) == IncidentStatus.CANCELLED
    ending.when(e.CancelIncident()).rejected("the incident is over")


def test_the_same_cancellation_sent_twice_leaves_the_clean_up_alone() -> None:
    wanted = e.CancelIncident(reason="a false alarm")
    ending = active("whole").when(wanted)
    ending.when(wanted, id=ending.id).then()
    ending.when(FailRun(run(ending, "clean").id, 1, "no")).then(e.StageFailed, *OVER)


def test_stopping_the_clean_up_of_a_complete_incident_leaves_it_complete() -> None:
    at_work = active("whole").when(sent("plain"))
    at_work.when(finished(at_work, "plain", ending=DONE))
    at_work.when(e.CancelIncident(force=True)).then(e.StageStopped, *OVER)
    reason = "all well; its clean-up was stopped"
    assert at_work.effects[1] == e.IncidentEnded(
        ending=Ending(outcome=IncidentStatus.COMPLETE, reason=reason)
    )
    assert status(at_work) == IncidentStatus.COMPLETE


def test_a_clean_up_that_waits_to_be_tried_again_is_stopped_as_well() -> None:
    ending = active("stubborn").when(e.CancelIncident())
    clean = run(ending, "flaky")
    ending.when(FailRun(clean.id, 1, "no")).then(e.StageAttemptFailed)
    ending.when(e.CancelIncident(force=True)).then(e.StageStopped, *OVER)


def test_what_the_clean_up_sends_is_told_to_be_lost() -> None:
    ending = active("whole").when(e.CancelIncident())
    last = finished(ending, "clean", deliveries=[Delivery(stage="a")])
    text = "stage clean sent to a, but the incident is over"
    note = e.Noted(note=Note(level="warning", text=text))
    ending.when(last).then(e.StageCompleted, note, *OVER)


def test_a_stage_completes_the_incident_and_its_sends_are_dropped() -> None:
    at_work = active().when(sent("plain"))
    end = finished(at_work, "plain", ending=DONE, deliveries=[Delivery(stage="a")])
    at_work.when(end).then(
        e.StageCompleted, e.MessageQueued, e.IncidentEnding(ending=DONE, dropped=1), *OVER
    )
    assert status(at_work) == IncidentStatus.COMPLETE


def test_only_what_is_over_is_archived_and_only_once() -> None:
    at_work = active()
    at_work.when(e.ArchiveIncident()).rejected("only an incident that is over", "ACTIVE")
    over = at_work.when(e.CancelIncident()).when(e.ArchiveIncident()).then(e.IncidentArchived())
    over.when(e.ArchiveIncident()).then()
    over.when(e.CancelIncident()).rejected("the incident is over (ARCHIVED)")


def test_notes_of_others_are_kept_also_when_it_is_over() -> None:
    over = active().when(e.CancelIncident())
    note = Note(text="the report is written")
    over.when(e.TakeNote(note=note)).then(e.Noted(note=note))


def test_arrivals_for_an_ended_incident_are_refused() -> None:
    active().when(e.CancelIncident()).when(arrives("plain")).rejected("the incident is over")


def test_a_run_that_ends_too_late_is_refused() -> None:
    at_work = active().when(sent("plain"))
    late = finished(at_work, "plain", state={"x": Document(json_value=1)})
    at_work.when(e.CancelIncident()).when(late).rejected("not current")
    at_work.when(FinishRun(late.run, 2)).rejected("not current")


def test_what_waits_for_activation_starts_with_it_and_rings_no_clock_before() -> None:
    waiting = created().when(arrives("burst")).then(e.MessageQueued)
    assert waiting.manager.due(incident(waiting)) is None
    waiting.later(11).when(LookAtClock()).then()
    waiting.when(e.ActivateIncident()).then(e.IncidentActivated, e.StageStarted)
