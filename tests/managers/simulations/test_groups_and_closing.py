"""Groups, in which the first completion counts; and incidents that are over."""

from uuid import UUID

from events import simulations as e
from events.incidents import AnswerCall
from events.jobs import JobState
from events.machines import LeaveMachine
from events.operations import CancelJob, CollectOutputs, ReleaseJob
from tests.managers.scenario import scenario
from tests.managers.simulations.site import (
    MANAGER,
    ONE,
    THREE,
    TWO,
    Site,
    called_back,
    create,
    keep,
    one,
    place,
    reply,
    report,
    submit,
    submitted,
    wait,
)

GROUP = UUID(int=50)
ALL = e.GroupSimulations(group=GROUP, simulations=(ONE, TWO, THREE), reply_to=reply("group"))
CLOSE = e.CloseSimulations(reason="the incident ends")


def race(*outputs: str) -> Site:
    of = submitted(ONE, TWO, THREE, on=(JobState.COMPLETED,), outputs=outputs)
    return of.when(ALL).then(e.SimulationsGrouped, AnswerCall)


def test_the_first_completion_cancels_the_others() -> None:
    of = race().when(report(JobState.COMPLETED, TWO))
    assert called_back(of) == ["on_completed"]
    wishes = [x.simulation for x in of.effects if isinstance(x, e.CancellationRequested)]
    assert wishes == [ONE, THREE]


def test_a_later_completion_does_not_call_back() -> None:
    of = race().when(report(JobState.COMPLETED, TWO)).when(report(JobState.COMPLETED, ONE))
    assert called_back(of) == []
    assert one(of, ONE).beaten
    assert not one(of, TWO).beaten


def test_the_first_completion_counts_though_its_results_come_later() -> None:
    of = race("map").when(report(JobState.COMPLETED, TWO))
    of.then(
        e.SimulationStateChanged,
        *(e.CancellationRequested, CancelJob) * 2,
        CollectOutputs,
    )
    of.when(report(JobState.COMPLETED, ONE)).then(e.SimulationStateChanged, CollectOutputs)
    of.when(keep(ONE))
    assert called_back(of) == []
    of.when(keep(TWO))
    assert called_back(of) == ["on_completed"]


def test_a_failure_ends_no_race() -> None:
    of = race().when(report(JobState.FAILED, ONE))
    of.then(e.SimulationStateChanged, LeaveMachine, ReleaseJob)


def test_what_completed_before_it_was_grouped_wins() -> None:
    of = submitted(ONE, TWO, THREE).when(report(JobState.COMPLETED, THREE))
    of.when(report(JobState.COMPLETED, TWO)).when(ALL)
    of.then(e.SimulationsGrouped, e.CancellationRequested, CancelJob, AnswerCall)
    assert [one(of, id).beaten for id in (TWO, THREE)] == [False, True]


def test_a_simulation_is_in_one_group() -> None:
    of = race().when(ALL).then(AnswerCall)
    of.when(e.GroupSimulations(group=UUID(int=51), simulations=(ONE,))).rejected("in a group")


def test_those_not_yet_submitted_are_beaten_too() -> None:
    of = submitted(ONE).when(create(TWO)).when(place(TWO)).when(wait(TWO))
    of.when(e.GroupSimulations(group=GROUP, simulations=(ONE, TWO)))
    of.when(report(JobState.COMPLETED, ONE))
    assert one(of, TWO).state == JobState.CANCELLED
    assert AnswerCall in [type(getattr(effect, "command", None)) for effect in of.effects]


# The incident is over.


def test_cancelling_all_cancels_each_as_far_as_it_is() -> None:
    of = submitted(ONE).when(create(TWO)).when(create(THREE)).when(place(THREE))
    of.when(e.CancelAllSimulations(reason="over")).then(
        e.CancellationRequested,
        CancelJob,
        *(e.SimulationStateChanged, AnswerCall, LeaveMachine),
        *(e.SimulationStateChanged, LeaveMachine),
    )
    of.when(e.CancelAllSimulations(reason="over")).then()


def test_what_has_ended_is_forgotten_with_the_incident() -> None:
    of = submitted(ONE, TWO).when(report(JobState.FAILED, ONE)).when(CLOSE)
    of.then(e.CancellationRequested, CancelJob, e.SimulationsClosed)
    assert of.state is not None
    assert of.state.by_id.keys() == {TWO}
    of.when(report(JobState.CANCELLED, TWO)).then(
        e.SimulationStateChanged, LeaveMachine, ReleaseJob
    )
    assert of.state is None


def test_nobody_is_called_back_any_more() -> None:
    of = submitted(ONE, on=(JobState.COMPLETED,), outputs=("map",)).when(CLOSE)
    of.when(report(JobState.COMPLETED)).then(e.SimulationStateChanged, CollectOutputs)
    of.when(keep()).then(e.OutputsKept, LeaveMachine, ReleaseJob)
    assert of.state is None


def test_what_is_lost_is_cancelled_and_released() -> None:
    of = submitted(ONE).when(report(JobState.LOST)).when(CLOSE)
    of.then(e.CancellationRequested, CancelJob, ReleaseJob, e.SimulationsClosed)
    assert of.state is None


def test_late_words_about_the_forgotten_are_no_news() -> None:
    of = submitted(ONE).when(report(JobState.FAILED)).when(CLOSE).when(CLOSE).then()
    of.when(report(JobState.RUNNING)).then().when(keep()).then()
    of.when(e.RefusePlacement(simulation=ONE, reason="x")).then()
    of.when(place()).then(LeaveMachine)
    of.when(submit()).rejected("there is no simulation")
    of.when(ALL).rejected("there are no simulations")


def test_an_incident_without_simulations_has_nothing_to_close() -> None:
    of = scenario(MANAGER).when(CLOSE).then()
    of.when(e.CancelAllSimulations()).then().when(e.CancelSimulationsOf(run=ONE)).then()
