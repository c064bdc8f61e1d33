"""The life of a simulation: placed, submitted, followed, ended, and what everybody is told."""

from uuid import UUID

import pytest

from events import simulations as e
from events.incidents import AnswerCall, Deliver
from events.jobs import JobOptions, JobState, Waiting, Witness
from events.machines import FLEET, ChooseMachine, LeaveMachine, RejoinMachine
from events.operations import (
    CancelJob,
    CollectOutputs,
    HoldJob,
    RefreshJob,
    ReleaseJob,
    RetrySubmission,
    SubmitJob,
)
from events.values import Context, Document, Urgency
from managers.runtime import Send
from tests.managers.scenario import scenario
from tests.managers.simulations.site import (
    ID,
    MANAGER,
    ONE,
    RUN,
    Site,
    answers,
    called_back,
    create,
    keep,
    one,
    place,
    reply,
    report,
    submit,
    submitted,
    token,
    wait,
)

OPEN = [JobState.PENDING, JobState.QUEUED, JobState.HELD, JobState.RUNNING, JobState.ENDING]
DOWN = [JobState.FAILED, JobState.TIMEOUT, JobState.CANCELLED]
REFUSE = e.RefusePlacement(simulation=ONE, reason="no machine will do: too small")


# Creation and placement.


def test_a_new_simulation_asks_for_a_machine_and_its_creator_is_told_which() -> None:
    of = scenario(MANAGER).when(create()).then(e.SimulationCreated, ChooseMachine)
    of.when(place()).then(e.SimulationPlaced, AnswerCall)
    assert answers(of)[0].value.json_value == {"simulation": str(ONE), "machine": "local"}


def test_what_no_batch_system_should_be_told_is_refused() -> None:
    odd = create()
    options = JobOptions(account="z;rm -rf")
    asked = odd.model_copy(update={"request": odd.request.model_copy(update={"options": options})})
    scenario(MANAGER).when(asked).rejected("the simulation: options.account: ", "made of letters")
    created = e.SimulationCreated(**{**asked.model_dump(exclude={"type"}), "urgency": "routine"})
    scenario(MANAGER).given(created).when(asked).then()


def test_created_again_it_is_the_same_and_the_answer_too() -> None:
    of = scenario(MANAGER).when(create()).when(create()).then()
    of.when(place()).when(create()).then(AnswerCall)
    assert answers(of)[0].value.json_value == {"simulation": str(ONE), "machine": "local"}


def test_without_a_machine_for_it_the_creator_is_told_why() -> None:
    of = scenario(MANAGER).when(create())
    of.when(REFUSE).then(e.SimulationStateChanged, AnswerCall, LeaveMachine)
    assert one(of).state == JobState.FAILED
    assert answers(of)[0].error == "no machine will do: too small"
    of.when(create()).then(AnswerCall)
    assert answers(of)[0].error == "no machine will do: too small"
    of.when(REFUSE).then()


def test_cancelled_while_it_waits_for_a_machine_its_creator_does_not_wait_on() -> None:
    of = scenario(MANAGER).when(create())
    of.when(e.CancelSimulation(simulation=ONE, reason="not needed")).then(
        e.SimulationStateChanged, AnswerCall, LeaveMachine
    )
    assert answers(of)[0].error == "the simulation was cancelled: not needed"
    leave = LeaveMachine(simulation=ONE, state=JobState.CANCELLED)
    of.when(place()).then(Send(Context.MACHINES, FLEET, leave))
    of.when(submit()).rejected("is CANCELLED, it cannot be submitted")


# Submission.


def test_a_submitted_simulation_goes_to_its_machine_under_its_token() -> None:
    new = create(exercise=True, urgency=Urgency.URGENT)
    of = scenario(MANAGER).when(new).when(place()).when(submit())
    of.then(e.SimulationSubmitted, SubmitJob, AnswerCall)
    job = next(s.command for s in of.effects if isinstance(s, Send))
    assert isinstance(job, SubmitJob)
    assert (job.request.token, job.request.comment) == (token(), "EXERCISE")
    assert (job.request.walltime, job.request.urgency) == (60, Urgency.URGENT)


def test_all_that_a_simulation_needs_is_asked_for() -> None:
    needs = e.Resources(
        instances=2, nodes=3, tasks=4, cpus_per_task=5, memory_mib=6, gpus=7, exclusive=True,
        constraint="avx", walltime=60,
    )  # fmt: skip
    assert needs.model_fields_set == {*e.Resources.model_fields}
    new = create()
    request = new.request.model_copy(update={"resources": needs})
    of = scenario(MANAGER).when(new.model_copy(update={"request": request})).when(place())
    of.when(submit())
    job = next(s.command for s in of.effects if isinstance(s, Send))
    assert isinstance(job, SubmitJob)
    assert job.request.model_dump(include={*e.Resources.model_fields}) == needs.model_dump()


def test_only_what_was_placed_can_be_submitted() -> None:
    scenario(MANAGER).when(create()).when(submit()).rejected("is CREATED")


def test_submitted_twice_it_runs_once() -> None:
    of = submitted(ONE).when(submit()).then(AnswerCall)
    of.when(submit(ONE, JobState.RUNNING)).rejected("was submitted already")


def test_a_simulation_that_is_not_there() -> None:
    scenario(MANAGER).when(submit()).rejected("there is no simulation")
    of = submitted(ONE)
    of.when(e.CancelSimulation(simulation=UUID(int=9))).rejected("there is no simulation")
    of.when(e.GroupSimulations(group=RUN, simulations=(UUID(int=9),))).rejected("no simulation")


# Reports.


@pytest.mark.parametrize("state", OPEN[1:])
def test_a_stage_is_called_back_on_the_state_that_it_wants(state: JobState) -> None:
    of = submitted(ONE, on=(state,)).when(report(state))
    of.then(e.SimulationStateChanged, Deliver)
    assert called_back(of) == [f"on_{state.lower()}"]
    told = next(s.command for s in of.effects if isinstance(s, Send))
    assert isinstance(told, Deliver)
    message = told.delivery.message.json_value
    assert isinstance(message, dict)
    assert message["context"] == Document(json_value="mine").model_dump(mode="json")


def test_pending_is_a_state_like_others() -> None:
    of = scenario(MANAGER).when(create()).when(place()).when(submit(ONE, JobState.PENDING))
    assert called_back(of) == ["on_pending"]


@pytest.mark.parametrize("state", DOWN)
def test_an_end_is_told_to_who_waits_to_the_fleet_and_to_the_machine(state: JobState) -> None:
    of = submitted(ONE, on=(state,), outputs=("map",)).when(wait()).then(e.SimulationAwaited)
    of.when(report(state, reason="x", exit_code=3, started=10.0, ended=14.0)).then(
        e.SimulationStateChanged, Deliver, AnswerCall, LeaveMachine, ReleaseJob
    )
    result = answers(of)[0].value.json_value
    assert isinstance(result, dict)
    assert (result["state"], result["seconds"], result["exit_code"]) == (state, 4.0, 3)
    of.when(wait()).then(AnswerCall)


def test_results_are_collected_before_anybody_is_told() -> None:
    of = submitted(ONE, on=(JobState.COMPLETED,), outputs=("map", "log")).when(wait())
    of.when(report(JobState.COMPLETED)).then(e.SimulationStateChanged, CollectOutputs)
    of.when(wait()).then(e.SimulationAwaited)
    of.when(keep(ONE, "log")).then(
        e.OutputsKept, Deliver, AnswerCall, AnswerCall, LeaveMachine, ReleaseJob
    )
    assert one(of).result.missing == ("log",)
    assert one(of).result.outputs.keys() == {"map"}
    of.when(keep()).then()


def test_without_declared_results_completion_is_the_end() -> None:
    submitted(ONE).when(report(JobState.COMPLETED)).then(
        e.SimulationStateChanged, LeaveMachine, ReleaseJob
    )


def test_repetitions_and_words_after_the_end_are_not_news() -> None:
    of = submitted(ONE).when(report(JobState.RUNNING)).when(report(JobState.RUNNING)).then()
    of.when(report(JobState.FAILED)).when(report(JobState.RUNNING)).then()
    of.when(report(JobState.COMPLETED)).then()


def test_a_requeued_job_is_followed_in_its_newest_attempt() -> None:
    of = submitted(ONE).when(report(JobState.RUNNING))
    of.when(report(JobState.QUEUED, attempt=2)).then(e.SimulationStateChanged)
    of.when(report(JobState.COMPLETED, attempt=1)).then()
    assert (one(of).state, one(of).attempt) == (JobState.QUEUED, 2)


def test_what_failed_and_was_requeued_goes_on() -> None:
    of = submitted(ONE, on=(JobState.RUNNING, JobState.COMPLETED), outputs=("map",))
    of.when(report(JobState.FAILED)).when(report(JobState.RUNNING)).then()
    of.when(report(JobState.RUNNING, attempt=2))
    of.then(e.SimulationStateChanged, RejoinMachine, Deliver)
    of.when(report(JobState.COMPLETED, attempt=2)).when(keep())
    assert called_back(of) == ["on_completed"]
    of.when(report(JobState.RUNNING, attempt=3)).then()


def test_what_is_requeued_though_it_was_to_end_is_cancelled_again() -> None:
    of = submitted(ONE).when(e.CancelSimulation(simulation=ONE, reason="enough"))
    of.when(report(JobState.FAILED)).when(report(JobState.RUNNING, attempt=2))
    of.then(e.SimulationStateChanged, RejoinMachine, CancelJob)


def test_what_is_lost_is_told_and_revived_by_a_late_witness() -> None:
    of = submitted(ONE, on=(JobState.LOST, JobState.COMPLETED), outputs=("map",)).when(wait())
    of.when(report(JobState.LOST)).then(e.SimulationStateChanged, Deliver, AnswerCall, LeaveMachine)
    of.when(report(JobState.RUNNING)).then(e.SimulationStateChanged, RejoinMachine)
    of.when(report(JobState.COMPLETED)).then(
        e.SimulationStateChanged, RejoinMachine, CollectOutputs
    )
    of.when(keep())
    assert called_back(of) == ["on_completed"]


def test_what_is_lost_and_comes_back_counts_on_its_machine_again() -> None:
    of = submitted(ONE).when(report(JobState.LOST)).when(report(JobState.HELD))
    rejoin = RejoinMachine(simulation=ONE, incident=ID, name="local")
    of.then(e.SimulationStateChanged, Send(Context.MACHINES, FLEET, rejoin))
    of.when(report(JobState.CANCELLED)).then(e.SimulationStateChanged, LeaveMachine, ReleaseJob)


def test_what_came_back_by_a_log_that_does_not_say_where_counts_from_its_next_word_on() -> None:
    lost, held = (
        e.SimulationStateChanged(simulation=ONE, state=state, witness=Witness.QUEUE)
        for state in (JobState.LOST, JobState.HELD)
    )
    of = submitted(ONE).given(lost, held)
    of.when(report(JobState.RUNNING)).then(e.SimulationStateChanged, RejoinMachine)


def test_what_comes_back_on_a_machine_that_was_removed_is_lost_again() -> None:
    of = submitted(ONE, on=(JobState.LOST,)).when(report(JobState.LOST))
    of.when(report(JobState.QUEUED, attempt=2))
    removed = e.RefusePlacement(simulation=ONE, reason="local was removed")
    of.when(removed).then(e.SimulationStateChanged, Deliver, LeaveMachine).when(removed).then()
    now = (one(of).state, one(of).attempt, one(of).reason)
    assert now == (JobState.LOST, 2, "local was removed")


def test_the_machine_can_be_asked_now() -> None:
    refresh = e.RefreshSimulation(simulation=ONE)
    submitted(ONE).when(refresh).then(RefreshJob)
    scenario(MANAGER).when(create()).when(refresh).then()


def test_what_waits_for_a_person_is_called_back_and_submitted_again_at_a_wish() -> None:
    retry = e.RetrySimulation(simulation=ONE)
    of = submitted(ONE, on=(JobState.PENDING,)).when(retry).rejected("does not wait")
    waits = report(JobState.PENDING, waiting=Waiting.NEEDS_A_HUMAN)
    of.when(waits).then(e.SimulationStateChanged, Deliver).when(waits).then()
    of.when(retry).then(RetrySubmission)


def test_a_cancellation_that_nobody_here_wished_is_told_from_one_that_was() -> None:
    def changed(of: Site) -> e.SimulationStateChanged:
        (change,) = [one for one in of.effects if isinstance(one, e.SimulationStateChanged)]
        return change

    assert changed(submitted(ONE).when(report(JobState.CANCELLED))).unwished
    cancelling = submitted(ONE).when(e.CancelSimulation(simulation=ONE))
    assert not changed(cancelling.when(report(JobState.CANCELLED))).unwished


def test_another_attempt_is_told_from_the_first() -> None:
    of = submitted(ONE).when(report(JobState.RUNNING)).when(report(JobState.QUEUED, attempt=2))
    assert [one.again for one in of.effects if isinstance(one, e.SimulationStateChanged)] == [True]


# Cancellation.


@pytest.mark.parametrize("state", [*OPEN, JobState.LOST])
def test_cancelling_what_a_machine_has_is_a_wish(state: JobState) -> None:
    of = submitted(ONE).when(report(state)) if state != JobState.PENDING else submitted(ONE)
    cancel = e.CancelSimulation(simulation=ONE, reason="enough")
    of.when(cancel).then(e.CancellationRequested, CancelJob).when(cancel).then()
    assert one(of).state == state
    of.when(report(JobState.CANCELLED)).then(e.SimulationStateChanged, LeaveMachine, ReleaseJob)


def test_cancelling_what_is_placed_but_not_submitted_is_ours() -> None:
    of = scenario(MANAGER).when(create()).when(place()).when(wait())
    of.when(e.CancelSimulation(simulation=ONE)).then(
        e.SimulationStateChanged, AnswerCall, LeaveMachine
    )
    assert answers(of)[0].call == "wait 1"


@pytest.mark.parametrize("state", [*DOWN, JobState.COMPLETED])
def test_what_has_ended_is_not_cancelled(state: JobState) -> None:
    submitted(ONE).when(report(state)).when(e.CancelSimulation(simulation=ONE)).then()


def test_a_race_lost_by_the_cancellation_is_a_completion() -> None:
    of = submitted(ONE).when(e.CancelSimulation(simulation=ONE))
    of.when(report(JobState.COMPLETED))
    assert one(of).state == JobState.COMPLETED


def test_who_cancels_from_a_stage_gets_an_answer() -> None:
    cancel = e.CancelSimulation(simulation=ONE, reply_to=reply("cancel"))
    submitted(ONE).when(cancel).then(e.CancellationRequested, CancelJob, AnswerCall)


def test_what_a_stopped_stage_created_is_not_wanted_any_more() -> None:
    of = submitted(ONE)
    of.when(e.CancelSimulationsOf(run=UUID(int=5))).then()
    of.when(e.CancelSimulationsOf(run=RUN)).then(e.CancellationRequested, CancelJob)


def test_commands_of_somebody_else_are_refused() -> None:
    leave = LeaveMachine(simulation=ONE, state=JobState.FAILED)
    submitted(ONE).when(leave).rejected("do not take LeaveMachine")
    for of in (submitted(ONE), scenario(MANAGER)):
        of.when(RefreshJob(token=token())).rejected("do not take RefreshJob")


def test_the_incident_is_known_to_the_machine() -> None:
    job = next(s.command for s in submitted(ONE).effects if isinstance(s, Send))
    assert isinstance(job, SubmitJob)
    assert job.incident == ID


def test_a_job_that_will_not_start_by_itself_is_told_its_stage() -> None:
    of = submitted(ONE, on=(JobState.QUEUED,))
    of.when(report(JobState.QUEUED, waiting=Waiting.NORMAL, reason="Priority"))
    stuck = report(JobState.QUEUED, waiting=Waiting.IMPOSSIBLE, reason="PartitionNodeLimit")
    of.when(stuck)
    assert called_back(of) == ["on_queued"]
    assert (one(of).stuck, one(of).reason) == (Waiting.IMPOSSIBLE, "PartitionNodeLimit")
    assert one(of).result.stuck is Waiting.IMPOSSIBLE
    of.when(stuck).then()
    of.when(report(JobState.QUEUED))
    assert one(of).stuck is None


def test_how_an_array_gets_on_is_told_each_time() -> None:
    of = submitted(ONE, on=(JobState.RUNNING,))
    of.when(report(JobState.RUNNING, instances={"RUNNING": 1, "QUEUED": 1}))
    of.then(e.SimulationStateChanged, Deliver)
    of.when(report(JobState.RUNNING, instances={"RUNNING": 1, "QUEUED": 1})).then()
    of.when(report(JobState.RUNNING, instances={"RUNNING": 1, "FAILED": 1}))
    of.then(e.SimulationStateChanged, Deliver)
    assert one(of).result.instances == {"RUNNING": 1, "FAILED": 1}


def test_only_what_waits_is_held_or_released() -> None:
    hold, release = e.HoldSimulation(simulation=ONE), e.ReleaseSimulation(simulation=ONE)
    scenario(MANAGER).when(create()).when(hold).rejected(
        "CREATED: only what waits in a queue is held"
    )
    submitted(ONE).when(hold).rejected("PENDING: only what waits in a queue is held")
    of = submitted(ONE).when(report(JobState.QUEUED)).when(hold).then(e.HoldRequested, HoldJob)
    of.when(report(JobState.HELD)).when(release).then(e.HoldRequested, HoldJob)
    of.when(report(JobState.RUNNING)).when(hold).rejected(
        "RUNNING: only what waits in a queue is held"
    )
    cancelling = submitted(ONE).when(e.CancelSimulation(simulation=ONE))
    cancelling.when(release).rejected("is cancelled: only what waits in a queue is released")


def test_a_start_is_foreseen_of_what_waits() -> None:
    foreseen = e.ForeseeStart(simulation=ONE, expected=10.5)
    of = submitted(ONE).when(foreseen).then(e.StartForeseen(simulation=ONE, expected=10.5))
    of.when(report(JobState.HELD)).when(foreseen).then()
    of.when(report(JobState.RUNNING)).when(foreseen).then()
    scenario(MANAGER).when(foreseen).then()
