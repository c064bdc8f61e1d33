"""What is being done on one machine: announced, done by hands, concluded."""

from dataclasses import is_dataclass
from typing import get_args
from uuid import UUID

import pytest

from events import operations as e
from events.accounts import Accounts
from events.checkups import Checkup, Finding, Mark, Question
from events.jobs import (
    JobId,
    JobOptions,
    JobReport,
    JobRequest,
    JobState,
    Waiting,
    Witness,
    token_of,
)
from events.machines import (
    FLEET,
    EnableMachine,
    MachineFolders,
    MachineLimits,
    MachineLoad,
    MachineSettings,
    Privilege,
    Queue,
    SeeCheckup,
    SeeEstimate,
    SeeMachine,
    SeeTrouble,
    StartEstimate,
)
from events.prose import PROSE_CHARACTERS
from events.simulations import ForeseeStart, KeepOutputs, ReportJob
from events.values import DAY, Blob, Context, IncidentId, Urgency
from managers.operations import (
    CancelTaken,
    CheckedUp,
    Estimated,
    FolderGone,
    HoldTaken,
    HoldTurnedDown,
    Job,
    JobSeen,
    MachineJobs,
    MachineLooked,
    OutputsStored,
    Phase,
    RoomLooked,
    StartSeen,
    SubmissionAbsent,
    SubmissionAnswered,
    SubmissionBegins,
    SubmissionImpossible,
    SubmissionInDoubt,
    SubmissionTurnedDown,
    Task,
    TaskFails,
    inputs,
    on_machine,
    operations_manager,
    written,
)
from managers.operations.inputs import LookAtClock
from managers.runtime import Assignment, Send, Work
from managers.runtime.manager import Input
from tests.managers.scenario import NOW, Scenario, scenario

ONE = UUID(int=1)
TOKEN = token_of(ONE)
MAP = Blob.of(b"a map")
SETTINGS = MachineSettings(name="m", base_directory="/m")
SUBMIT = e.SubmitJob(
    incident=IncidentId("i-1"),
    simulation=ONE,
    request=JobRequest(token=TOKEN, executable="fire", walltime=60),
    inputs={"in": MAP},
)
CANCEL = e.CancelJob(token=TOKEN, reason="enough")
TAKEN = CancelTaken(TOKEN, settled=True)
UNSEEN = CancelTaken(TOKEN, settled=False)
"""The machine took the wish before anybody knew that it had the job."""
RELEASE = e.ReleaseJob(token=TOKEN)
REPORTED = (e.JobReported, ReportJob)


def nobody(assigned: Assignment[MachineJobs, Task]) -> Work[Task]:
    raise AssertionError("a decision has no hands")


MANAGER = operations_manager(nobody)


def machine() -> Scenario[MachineJobs]:
    return scenario(MANAGER).when(e.ConfigureMachine(settings=SETTINGS))


def submitting() -> Scenario[MachineJobs]:
    return machine().when(SUBMIT)


def queued() -> Scenario[MachineJobs]:
    return submitting().when(SubmissionAnswered(TOKEN, 1, JobId("17")))


def seen(state: JobState, attempt: int = 1) -> JobSeen:
    report = JobReport(token=TOKEN, state=state, witness=Witness.STATUS_FILE, attempt=attempt)
    return JobSeen(report)


def work(of: Scenario[MachineJobs]) -> list[str]:
    assert of.state is not None
    return [name.partition(" by settings ")[0] for name in MANAGER.under_way(of.state)]


def under_way_names(of: Scenario[MachineJobs]) -> list[str]:
    assert of.state is not None
    return [*MANAGER.under_way(of.state)]


def job(of: Scenario[MachineJobs]) -> Job:
    assert of.state is not None
    return of.state.jobs[TOKEN]


def test_a_machine_is_watched_from_its_configuration_on() -> None:
    of = machine().then(e.MachineConfigured(settings=SETTINGS))
    of.when(e.ConfigureMachine(settings=SETTINGS)).then()
    assert work(of) == ["watch"]
    assert work(scenario(MANAGER).when(SUBMIT)) == []


def test_all_begins_anew_by_other_settings() -> None:
    of = submitting()
    assert of.state is not None
    before = MANAGER.under_way(of.state).keys()
    of.when(e.ConfigureMachine(settings=SETTINGS)).then()
    assert MANAGER.under_way(of.state).keys() == before
    of.when(e.ConfigureMachine(settings=SETTINGS.model_copy(update={"slots": 9})))
    assert len(before) == len(MANAGER.under_way(of.state)) == 2
    assert not MANAGER.under_way(of.state).keys() & before


def test_what_is_turned_down_and_not_wanted_any_more_was_cancelled() -> None:
    of = submitting().when(e.CancelJob(token=TOKEN))
    assert f"submit {TOKEN} 1 unwanted" in work(of)
    of.when(SubmissionTurnedDown(TOKEN, 1, "not now")).then(e.SubmissionAbandoned, *REPORTED)
    assert job(of).report is not None
    assert job(of).report.state == JobState.CANCELLED  # type: ignore[union-attr]


def test_a_job_that_was_found_after_a_doubt_was_submitted() -> None:
    of = submitting().when(SubmissionInDoubt(TOKEN, 1, "cut"))
    report = JobReport(
        token=TOKEN, state=JobState.QUEUED, witness=Witness.QUEUE, job_id=JobId("17")
    )
    of.when(JobSeen(report)).then(e.SubmissionConfirmed, *REPORTED)


def test_nothing_is_done_on_a_machine_that_was_removed() -> None:
    of = machine().when(e.ForgetMachine()).then(e.MachineForgotten())
    assert of.state is None
    of = submitting().when(e.ForgetMachine()).then(e.MachineForgotten())
    assert work(of) == []
    of.when(e.ForgetMachine()).then()


CHECK = e.CheckUp(check=ONE)
FOUND = Checkup(
    findings=(Finding(about=Question.ACCOUNTS, mark=Mark.NO, found="none are kept"),),
    learned={"accounting": False},
)


def test_a_check_is_announced_done_and_told_to_those_who_look() -> None:
    of = machine().when(CHECK).then(e.CheckIntended(check=ONE))
    assert work(of) == ["watch", f"check {ONE}"]
    of.when(e.CheckUp(check=UUID(int=2))).then()
    of.when(CheckedUp(UUID(int=2), FOUND)).then()
    concluded = e.CheckConcluded(check=ONE, checkup=FOUND)
    told = Send(Context.MACHINES, FLEET, SeeCheckup(name="m", checkup=FOUND))
    of.when(CheckedUp(ONE, FOUND)).then(concluded, told)
    assert work(of) == ["watch"]
    assert of.state
    assert of.state.learned == {"accounting": False}
    of.when(CheckedUp(ONE, FOUND)).then()


def test_what_a_check_could_not_ask_is_as_an_earlier_one_found_it() -> None:
    of = machine().when(CHECK).when(CheckedUp(ONE, FOUND)).when(CHECK)
    of.when(CheckedUp(ONE, Checkup(findings=(), learned={"lag": 9.5})))
    (concluded, told) = of.effects
    assert isinstance(concluded, e.CheckConcluded)
    assert concluded.checkup.learned == {"accounting": False, "lag": 9.5}
    assert told == Send(Context.MACHINES, FLEET, SeeCheckup(name="m", checkup=concluded.checkup))
    better = Checkup(findings=(), learned={"accounting": True})
    of.when(CHECK).when(CheckedUp(ONE, better))
    assert of.state
    assert of.state.learned == {"accounting": True, "lag": 9.5}


def test_what_a_check_learned_is_of_the_settings_it_was_made_with() -> None:
    other = e.ConfigureMachine(settings=SETTINGS.model_copy(update={"dialect": "slurm"}))
    of = machine().when(CHECK).when(CheckedUp(ONE, FOUND)).when(other)
    assert of.state
    assert of.state.learned == {}


def test_a_check_begins_anew_by_other_settings() -> None:
    other = e.ConfigureMachine(settings=SETTINGS.model_copy(update={"dialect": "slurm"}))
    of = machine().when(CHECK)
    before = under_way_names(of)
    of.when(other)
    assert work(of) == ["watch", f"check {ONE}"]
    assert not {*before} & {*under_way_names(of)}


def test_a_machine_that_is_not_there_is_not_checked() -> None:
    scenario(MANAGER).when(CHECK).then()


POLICY = {
    Urgency.CRITICAL: (
        Privilege(name="reservation", reservation="fire", queue="big", cost="it is ours"),
        Privilege(name="express", qos="express", native=("--nice=0",)),
    )
}


def privileged(urgency: Urgency = Urgency.CRITICAL) -> Scenario[MachineJobs]:
    settings = SETTINGS.model_copy(update={"policy": POLICY})
    request = SUBMIT.request.model_copy(
        update={
            "urgency": urgency,
            "options": JobOptions(queue="small", account="fire", native=("-v",)),
        }
    )
    configure = e.ConfigureMachine(settings=settings)
    wanted = SUBMIT.model_copy(update={"request": request})
    return scenario(MANAGER).when(configure).when(wanted)


def asked(of: Scenario[MachineJobs]) -> dict[str, object]:
    return job(of).asked.options.model_dump(exclude_defaults=True)


def test_an_urgent_job_asks_for_one_privilege_after_the_other() -> None:
    plain = {"queue": "small", "account": "fire", "native": ("-v",)}
    of = privileged()
    assert asked(of) == plain | {"queue": "big", "reservation": "fire"}
    of.when(SubmissionTurnedDown(TOKEN, 1, "no such reservation")).then(e.PrivilegeRefused)
    assert work(of) == ["watch", f"submit {TOKEN} 2"]
    assert asked(of) == plain | {"qos": "express", "native": ("--nice=0", "-v")}
    of.when(SubmissionTurnedDown(TOKEN, 2, "no such QoS")).then(e.PrivilegeRefused)
    assert asked(of) == plain
    of.when(SubmissionTurnedDown(TOKEN, 3, "no such account"))
    of.then(e.SubmissionRefused, e.JobReported, ReportJob)


def test_what_is_not_urgent_asks_for_nothing_special() -> None:
    assert "qos" not in asked(privileged(Urgency.ELEVATED))
    assert job(privileged(Urgency.ELEVATED)).privileges == ()


def charged(accounts: Accounts, options: JobOptions | None = None) -> Scenario[MachineJobs]:
    request = SUBMIT.request.model_copy(update={"options": options or JobOptions()})
    wanted = SUBMIT.model_copy(update={"request": request, "owner": "ada"})
    settings = SETTINGS.model_copy(update={"accounts": accounts, "batch": {"account": "rest"}})
    return scenario(MANAGER).when(e.ConfigureMachine(settings=settings)).when(wanted)


def test_a_job_is_charged_to_its_incident_or_to_whoever_made_that() -> None:
    both = Accounts(of={"i-1": "fire", "ada": "z01"})
    for accounts, account in (
        (both, "fire"),
        (Accounts(of={"ada": "z01", "bert": "z02"}, only=True), "z01"),
        (Accounts(of={"ada": ""}, only=True), "rest"),
        (Accounts(), "rest"),
    ):
        of = charged(accounts).then(e.SubmissionIntended)
        assert asked(of) == {"account": account}
        assert isinstance(of.effects[0], e.SubmissionIntended)
        assert of.effects[0].account == account
    assert asked(charged(both, JobOptions(account="mine"))) == {"account": "fire"}
    assert asked(charged(Accounts(), JobOptions(account="mine"))) == {"account": "mine"}


def test_a_job_is_charged_to_nobody_elses_account() -> None:
    for accounts, options, reason in (
        (Accounts(of={"bert": "z02"}, only=True), None, "nobody has given"),
        (Accounts(of={"bert": "z02"}), JobOptions(account="z02"), "z02 is for others"),
        (Accounts(of={"bert": "z02", "ada": ""}), JobOptions(account="z02"), "z02 is for others"),
    ):
        of = charged(accounts, options)
        of.then(e.SubmissionIntended, e.SubmissionAbandoned, *REPORTED)
        report = job(of).report
        assert report is not None
        assert (report.state, reason in report.reason) == (JobState.FAILED, True)
        assert work(of) == ["watch"]


def test_a_privilege_has_an_account_of_its_own() -> None:
    policy = {Urgency.ROUTINE: (Privilege(name="paid", account="gold", qos="express"),)}
    accounts = Accounts(of={"ada": "z01"})
    settings = SETTINGS.model_copy(update={"accounts": accounts, "policy": policy})
    of = scenario(MANAGER).when(e.ConfigureMachine(settings=settings))
    of.when(SUBMIT.model_copy(update={"owner": "ada"}))
    assert asked(of) == {"account": "gold", "qos": "express"}
    of.when(SubmissionTurnedDown(TOKEN, 1, "no such QoS")).then(e.PrivilegeRefused)
    assert isinstance(of.effects[0], e.PrivilegeRefused)
    assert asked(of) == {"account": of.effects[0].account} == {"account": "z01"}


def test_a_start_is_estimated_for_whoever_asks() -> None:
    asks = e.EstimateJob(estimate=ONE, request=SUBMIT.request)
    of = machine().when(asks).then(e.EstimateWanted(estimate=ONE, request=SUBMIT.request))
    assert work(of) == ["watch", f"estimate {ONE}"]
    given = Estimated(StartEstimate(id=ONE, start=1.5))
    of.when(asks).then().when(given).then(e.EstimateGiven, SeeEstimate)
    assert work(of) == ["watch"]
    of.when(given).then()
    for n in range(2, 22):
        of.when(asks.model_copy(update={"estimate": UUID(int=n)})).then(e.EstimateWanted)
    of.when(asks).then(SeeEstimate)
    scenario(MANAGER).when(asks).then()


@pytest.mark.parametrize(
    ("queue", "walltime", "never"),
    [
        ("short", 600, "the queue short takes jobs of 60 s at most"),
        ("", 3601, "any queue takes jobs of 3600 s at most"),
        ("short,work", 600, ""), ("short", 60, ""), ("", 3600, ""), ("other", 9999, ""),
    ],
)  # fmt: skip
def test_no_start_is_promised_beyond_what_queues_take(
    queue: str, walltime: int, never: str
) -> None:
    limits = {"short": 60, "work": 3600}
    load = MachineLoad(queues=tuple(Queue(name=n, walltime=most) for n, most in limits.items()))
    options = SUBMIT.request.options.model_copy(update={"queue": queue})
    request = SUBMIT.request.model_copy(update={"walltime": walltime, "options": options})
    of = machine().when(MachineLooked(reachable=True, reason="", load=load))
    of.when(e.EstimateJob(estimate=ONE, request=request))
    of.when(Estimated(StartEstimate(id=ONE, start=1.5)))
    (given, _) = of.effects
    assert isinstance(given, e.EstimateGiven)
    assert (given.estimate.start is None) == bool(never)
    assert never in given.estimate.impossible


@pytest.mark.parametrize("its_own", ["", "shut"])
@pytest.mark.parametrize("queue", ["shut", "work", "shut,work", ""])
def test_no_start_is_promised_in_a_queue_that_is_closed(queue: str, its_own: str) -> None:
    load = MachineLoad(queues=(Queue(name="shut", open=False), Queue(name="work", open=True)))
    options = SUBMIT.request.options.model_copy(update={"queue": queue})
    settings = SETTINGS.model_copy(update={"batch": {"queue": its_own}})
    of = machine().when(e.ConfigureMachine(settings=settings))
    of.when(MachineLooked(reachable=True, reason="", load=load))
    request = SUBMIT.request.model_copy(update={"options": options})
    of.when(e.EstimateJob(estimate=ONE, request=request))
    of.when(Estimated(StartEstimate(id=ONE, start=1.5)))
    (given, _) = of.effects
    assert isinstance(given, e.EstimateGiven)
    assert given.estimate.start == (None if (queue or its_own) == "shut" else 1.5)
    assert not given.estimate.impossible


def test_when_a_job_is_expected_to_start_is_told_once_and_when_that_has_moved() -> None:
    of = queued().when(StartSeen(TOKEN, 10_000.0)).then(e.JobForeseen, ForeseeStart)
    of.when(StartSeen(TOKEN, 10_599.0)).then().when(StartSeen(TOKEN, 9_401.0)).then()
    of.when(StartSeen(TOKEN, 10_600.0)).then(e.JobForeseen, ForeseeStart)
    assert job(of).expected == 10_600


def test_when_a_job_is_expected_to_start_is_told_anew_once_its_turn_may_come_again() -> None:
    told = (e.JobForeseen, ForeseeStart)
    of = queued().when(StartSeen(TOKEN, 10_000.0)).then(*told)
    for attempt, meanwhile in ((1, JobState.HELD), (2, JobState.RUNNING)):
        of.when(seen(meanwhile)).then(*REPORTED).when(StartSeen(TOKEN, 10_000.0)).then()
        of.when(seen(JobState.QUEUED, attempt)).then(*REPORTED)
        of.when(StartSeen(TOKEN, 10_000.0)).then(*told).when(StartSeen(TOKEN, 10_000.0)).then()


HOLD, LET_GO = (e.HoldJob(token=TOKEN, held=held, reason="wait") for held in (True, False))


def test_a_job_is_held_and_released_as_the_newest_wish_has_it() -> None:
    of = submitting().when(HOLD).then(e.HoldIntended(token=TOKEN, held=True, reason="wait"))
    assert f"hold {TOKEN}" not in work(of)
    of.when(SubmissionAnswered(TOKEN, 1, JobId("17")))
    assert f"hold {TOKEN}" in work(of)
    of.when(HOLD).then().when(LET_GO).then(e.HoldIntended)
    assert work(of) == ["watch", f"release {TOKEN}"]
    of.when(HoldTaken(TOKEN, True)).then()
    refreshed = job(of).refresh
    of.when(HoldTaken(TOKEN, False)).then(e.HoldSent(token=TOKEN, held=False))
    assert (work(of), job(of).refresh) == (["watch"], refreshed + 1)
    of.when(HOLD).when(HoldTurnedDown(TOKEN, True, "it runs"))
    of.then(e.HoldRefused(token=TOKEN, held=True, reason="it runs"))
    assert work(of) == ["watch"]


def test_what_ends_is_not_held_any_more() -> None:
    of = queued().when(HOLD).when(CANCEL)
    assert work(of) == ["watch", f"cancel {TOKEN} settled"]
    of = queued().when(HOLD).when(seen(JobState.COMPLETED))
    assert work(of) == ["watch"]
    of.when(LET_GO).then()


NAMING = e.ConfigureMachine(settings=SETTINGS.model_copy(update={"agents": ("near", "next")}))
TURN = e.TakeTurn(agent="near", turn=UUID(int=7))


def told(turn: int, input: object) -> e.HandsTold:
    kind, value = written(input)
    return e.HandsTold(turn=UUID(int=turn), kind=kind, told=value)


def test_whatever_hands_tell_can_be_told_from_elsewhere() -> None:
    kinds = {kind for kind in vars(inputs).values() if is_dataclass(kind)}
    assert kinds - {Blob, inputs.LookAtClock} == {*get_args(inputs.Told)}


def test_only_whose_turn_it_is_is_heard() -> None:
    of = scenario(MANAGER).when(NAMING).when(SUBMIT)
    answered = SubmissionAnswered(TOKEN, 1, JobId("17"), "a remark")
    of.when(told(7, answered)).then()
    of.when(TURN).then(e.TurnTaken(agent="near", turn=UUID(int=7)))
    of.when(told(6, answered)).then()
    of.when(told(7, answered)).then(e.SubmissionConfirmed, *REPORTED)
    of.when(e.TakeTurn(agent="next", turn=UUID(int=8))).then(e.TurnTaken)
    of.when(told(7, seen(JobState.COMPLETED))).then()
    of.when(told(8, seen(JobState.COMPLETED))).then(*REPORTED)
    with pytest.raises(ValueError, match="hands do not tell Lies"):
        of.when(e.HandsTold(turn=UUID(int=8), kind="Lies", told=None))


def test_a_turn_is_theirs_whom_the_machine_names_until_its_settings_change() -> None:
    of = scenario(MANAGER).when(NAMING)
    of.when(e.TakeTurn(agent="far", turn=UUID(int=7))).rejected("does not name the agent far")
    of.when(TURN).when(e.ConfigureMachine(settings=SETTINGS))
    of.when(told(7, MachineLooked(True))).then()
    of.when(TURN).rejected("does not name")
    machine().when(TURN).rejected("does not name")


def test_who_decides_only_looks_out_for_those_who_work() -> None:
    of = scenario(MANAGER).when(NAMING).when(SUBMIT).when(TURN)
    assert of.state is not None
    assert work(of) == ["look out"]
    there = [name.partition(" by settings ")[0] for name in on_machine(of.state)]
    assert there == ["watch", f"submit {TOKEN} 1"]
    of.when(told(7, MachineLooked(False, "no key will do", login_needed=True)))
    assert work(of) == []


def test_what_nobody_wants_any_more_asks_for_no_other_privilege() -> None:
    of = privileged().when(e.CancelJob(token=TOKEN))
    of.when(SubmissionTurnedDown(TOKEN, 1, "no")).then(e.SubmissionAbandoned, *REPORTED)


def test_only_what_changed_about_the_machine_is_told() -> None:
    looked = MachineLooked(True, load=MachineLoad(running=1))
    of = machine().when(looked).then(e.MachineAnswered, SeeMachine).when(looked).then()
    of.when(MachineLooked(False, "no route")).then(e.MachineAnswered, SeeMachine)
    scenario(MANAGER).when(looked).then()


def test_commands_of_somebody_else_are_refused() -> None:
    machine().when(EnableMachine(name="m")).rejected("do not take EnableMachine")


# Submission.


def test_a_submission_is_announced_once_and_concluded() -> None:
    of = submitting().then(e.SubmissionIntended).when(SUBMIT).then()
    assert work(of) == ["watch", f"submit {TOKEN} 1"]
    of.when(SubmissionAnswered(TOKEN, 1, JobId("17"))).then(e.SubmissionConfirmed, *REPORTED)
    assert work(of) == ["watch"]
    last = job(of).report
    assert last is not None
    assert (last.job_id, last.state) == (job(of).job_id, JobState.QUEUED)


def test_a_refusal_is_the_jobs_failure() -> None:
    of = submitting().when(SubmissionTurnedDown(TOKEN, 1, "no such account"))
    of.then(e.SubmissionRefused, *REPORTED)
    assert "the machine refused the job: no such account" in str(of.effects)
    assert work(of) == ["watch"]


def test_doubt_is_told_and_work_goes_on() -> None:
    of = submitting().when(SubmissionInDoubt(TOKEN, 1, "no answer")).then(e.SubmissionDoubted)
    assert work(of) == ["watch", f"submit {TOKEN} 1"]


@pytest.mark.parametrize(
    "went_out",
    [SubmissionInDoubt(TOKEN, 1, "no answer"), SubmissionAbsent(TOKEN, 1)],
    ids=["in doubt", "once more"],
)
def test_trouble_with_a_submission_is_over_once_it_went_out(went_out: Input) -> None:
    refused = TaskFails(TOKEN, e.JobTask.SUBMIT, "Connection refused")
    of = submitting().when(refused)
    assert job(of).hindered
    of.when(went_out)
    assert not job(of).hindered
    of.when(refused)
    assert job(of).hindered


def test_what_was_proved_absent_goes_out_again() -> None:
    of = submitting().when(SubmissionInDoubt(TOKEN, 1, "no answer"))
    of.when(SubmissionAbsent(TOKEN, 1)).then(e.SubmissionRepeated(token=TOKEN, submission=2))
    assert work(of) == ["watch", f"submit {TOKEN} 2"]


def test_what_may_have_gone_out_is_known_until_the_next_submission() -> None:
    of = submitting().when(SubmissionBegins(TOKEN, 1)).then(e.SubmissionBegun(token=TOKEN))
    assert job(of).tried
    assert work(of) == ["watch", f"submit {TOKEN} 1"]
    of.when(SubmissionAbsent(TOKEN, 1))
    assert not job(of).tried


def test_a_witness_settles_the_doubt() -> None:
    of = submitting().when(SubmissionInDoubt(TOKEN, 1, "no answer"))
    of.when(seen(JobState.RUNNING)).then(*REPORTED)
    assert work(of) == ["watch"]


def test_hands_that_speak_of_an_older_submission_are_not_heard() -> None:
    of = submitting().when(SubmissionAbsent(TOKEN, 1))
    for late in (
        SubmissionAnswered(TOKEN, 1, JobId("17")),
        SubmissionTurnedDown(TOKEN, 1, "x"),
        SubmissionInDoubt(TOKEN, 1, "x"),
        SubmissionAbsent(TOKEN, 1),
    ):
        of.when(late).then()
    queued().when(SubmissionAnswered(TOKEN, 1, JobId("18"))).then()


def test_what_cannot_be_submitted_is_a_failure_of_ours() -> None:
    of = submitting().when(SubmissionImpossible(TOKEN, 1, "the input is gone"))
    of.then(e.SubmissionAbandoned, *REPORTED)
    last = job(of).report
    assert last is not None
    assert (last.state, last.witness) == (JobState.FAILED, Witness.OURSELVES)
    assert work(of) == ["watch"]


# What hinders work.


def fails(task: e.JobTask, reason: str = "the quota is used up") -> TaskFails:
    return TaskFails(TOKEN, task, reason)


def test_what_hinders_a_job_is_told_once_and_of_the_machine_until_it_is_done() -> None:
    submit = e.JobTask.SUBMIT
    of = (
        submitting().when(fails(submit)).then(e.TaskHindered, SeeTrouble).when(fails(submit)).then()
    )
    of.when(fails(submit, "no space left")).then(e.TaskHindered, SeeTrouble)
    assert "no space left" in str(of.effects)
    of.when(SubmissionAnswered(TOKEN, 1, JobId("17")))
    of.then(e.SubmissionConfirmed, *REPORTED, SeeTrouble)
    assert of.effects[-1] == Send(Context.MACHINES, FLEET, SeeTrouble(name="m", reason=""))


def test_what_no_longer_has_to_be_done_hinders_nobody() -> None:
    queued().when(fails(e.JobTask.SUBMIT)).then().when(fails(e.JobTask.COLLECT)).then()
    of = queued().when(CANCEL).when(fails(e.JobTask.CANCEL)).then(e.TaskHindered, SeeTrouble)
    of.when(TAKEN).then(e.CancelSent, SeeTrouble)


# Reports.


def test_news_is_told_repetitions_are_not() -> None:
    of = queued().when(seen(JobState.RUNNING)).then(*REPORTED).when(seen(JobState.RUNNING)).then()
    of.when(seen(JobState.QUEUED, 2)).then(*REPORTED).when(seen(JobState.COMPLETED, 1)).then()
    of.when(seen(JobState.COMPLETED, 2)).then(*REPORTED).when(seen(JobState.FAILED, 3)).then()


def test_what_stays_lost_is_no_news() -> None:
    gone = JobReport(token=TOKEN, state=JobState.ENDING, witness=Witness.QUEUE)
    of = queued().when(seen(JobState.LOST)).when(seen(JobState.LOST)).then()
    of.when(JobSeen(gone)).then()


def test_what_was_lost_and_is_not_wanted_any_more_is_cancelled_when_it_comes_back() -> None:
    of = queued().when(seen(JobState.LOST)).when(CANCEL).when(TAKEN)
    of.when(seen(JobState.RUNNING)).then(*REPORTED, e.CancelIntended)
    assert f"cancel {TOKEN} settled" in work(of)
    of.when(TAKEN).when(seen(JobState.CANCELLED)).then(*REPORTED)
    ended = queued().when(seen(JobState.LOST)).when(CANCEL).when(TAKEN)
    ended.when(seen(JobState.COMPLETED)).then(*REPORTED)


def test_what_is_lost_after_its_end_was_wished_is_cancelled() -> None:
    for of in (queued().when(CANCEL), queued().when(CANCEL).when(TAKEN)):
        of.when(seen(JobState.LOST)).then(*REPORTED)
        last = job(of).report
        assert last is not None
        assert last.state is JobState.CANCELLED


def test_it_is_lost_while_a_copy_of_it_may_come_that_the_machine_was_not_told_to_end() -> None:
    of = repeated().when(CANCEL).when(seen(JobState.LOST)).then(*REPORTED)
    last = job(of).report
    assert last is not None
    assert last.state is JobState.LOST


def test_what_a_lost_wrapper_had_left_is_no_news_and_whatever_else_it_says_is() -> None:
    def mark(state: JobState, started: float, exit_code: int | None = None) -> JobReport:
        return JobReport(
            token=TOKEN,
            state=state,
            witness=Witness.STATUS_FILE,
            started=started,
            exit_code=exit_code,
        )

    lost = JobReport(token=TOKEN, state=JobState.LOST, witness=Witness.ACCOUNTING, started=1.0)
    of = queued().when(JobSeen(mark(JobState.RUNNING, 1.0))).when(JobSeen(lost)).then(*REPORTED)
    of.when(JobSeen(mark(JobState.RUNNING, 1.0))).then()
    told = mark(JobState.ENDING, 1.0, 143)
    of.when(JobSeen(told)).then(*REPORTED)
    of.when(JobSeen(lost.model_copy(update={"exit_code": 143}))).then(*REPORTED)
    of.when(JobSeen(told)).then()
    of.when(JobSeen(mark(JobState.RUNNING, 2.0))).then(*REPORTED)
    of.when(JobSeen(lost)).when(JobSeen(mark(JobState.COMPLETED, 1.0, 0))).then(*REPORTED)


def test_what_is_lost_may_be_found() -> None:
    queued().when(seen(JobState.LOST)).then(*REPORTED).when(seen(JobState.RUNNING)).then(*REPORTED)


# Cancellation, results, release.


def test_a_cancellation_is_announced_once_and_concluded_when_it_was_taken() -> None:
    of = queued().when(CANCEL).then(e.CancelIntended).when(CANCEL).then()
    assert f"cancel {TOKEN} settled" in work(of)
    of.when(TAKEN).then(e.CancelSent).when(TAKEN).then()
    assert work(of) == ["watch"]
    of.when(CANCEL).then()


def test_an_agent_of_before_does_not_say_whether_a_job_was_there_and_is_believed() -> None:
    for of in (submitting(), queued()):
        of.when(CANCEL).when(CancelTaken(TOKEN)).then(e.CancelSent)


def test_what_has_ended_is_not_cancelled_but_what_is_lost_is() -> None:
    queued().when(seen(JobState.COMPLETED)).when(CANCEL).then()
    queued().when(seen(JobState.LOST)).when(CANCEL).then(e.CancelIntended)


THERE = JobReport(token=TOKEN, state=JobState.QUEUED, witness=Witness.QUEUE, job_id=JobId("17"))


@pytest.mark.parametrize("there", [SubmissionAnswered(TOKEN, 1, JobId("17")), JobSeen(THERE)])
def test_what_got_there_though_its_end_was_wished_is_cancelled_there(
    there: SubmissionAnswered | JobSeen,
) -> None:
    of = submitting().when(CANCEL).when(UNSEEN).then(e.CancelSent)
    of.when(there).then(e.SubmissionConfirmed, *REPORTED, e.CancelIntended)
    assert f"cancel {TOKEN} settled" in work(of)
    of = submitting().when(CANCEL).when(there).then(e.SubmissionConfirmed, *REPORTED)
    of.when(UNSEEN).then()  # it may have been taken before the job was there
    assert f"cancel {TOKEN} settled" in work(of)
    of.when(TAKEN).then(e.CancelSent)


def test_cancelled_in_doubt_an_absent_job_does_not_go_out_again() -> None:
    of = submitting().when(SubmissionInDoubt(TOKEN, 1, "no answer")).when(CANCEL)
    assert work(of) == ["watch", f"submit {TOKEN} 1 unwanted", f"cancel {TOKEN}"]
    of.when(UNSEEN).when(SubmissionAbsent(TOKEN, 1))
    of.then(e.SubmissionAbandoned, *REPORTED)
    last = job(of).report
    assert last is not None
    assert (last.state, last.witness) == (JobState.CANCELLED, Witness.OURSELVES)
    assert work(of) == ["watch"]


def test_results_are_collected_once() -> None:
    of = queued().when(seen(JobState.COMPLETED))
    of.when(e.CollectOutputs(token=TOKEN, names=("map", "log"))).then(e.CollectionIntended)
    assert f"collect {TOKEN}" in work(of)
    stored = OutputsStored(TOKEN, {"map": MAP}, ["log"])
    of.when(stored).then(e.OutputsCollected, KeepOutputs).when(stored).then()
    assert work(of) == ["watch"]


def test_who_asks_now_is_noticed() -> None:
    of = queued().when(e.RefreshJob(token=TOKEN)).then(e.RefreshRequested)
    assert job(of).refresh == 1


def failed() -> Scenario[MachineJobs]:
    """Released, and heard for an hour more."""
    of = queued().when(seen(JobState.FAILED)).when(RELEASE)
    return of.then(e.JobReleased(token=TOKEN, at=NOW, until=NOW + 3600))


def test_a_job_that_failed_and_is_requeued_begins_anew() -> None:
    of = failed().when(seen(JobState.FAILED)).then().when(seen(JobState.RUNNING)).then()
    of.when(seen(JobState.RUNNING, attempt=2)).then(*REPORTED)
    of.later(7200).when(LookAtClock()).then()
    longer = e.JobReleased(token=TOKEN, at=NOW + 7200, until=NOW + 10800)
    of.when(seen(JobState.COMPLETED, attempt=2)).then(*REPORTED, longer)
    of.when(LookAtClock()).then()
    of.when(e.CollectOutputs(token=TOKEN, names=("map",))).then(e.CollectionIntended)
    of.when(OutputsStored(TOKEN, {"map": MAP}, [])).then(e.OutputsCollected, KeepOutputs)
    of.when(RELEASE).then(e.JobReleased(token=TOKEN, at=NOW + 7200))
    of.when(seen(JobState.RUNNING, attempt=3)).then()


def test_a_release_that_crosses_a_requeue_forgets_nothing() -> None:
    of = queued().when(seen(JobState.FAILED)).when(seen(JobState.RUNNING, attempt=2))
    of.when(e.ReleaseJob(token=TOKEN, attempt=1)).then(e.JobReleased)
    of.when(CANCEL).then(e.CancelIntended).when(TAKEN).then(e.CancelSent)
    of.when(seen(JobState.COMPLETED, attempt=2)).then(*REPORTED, e.JobReleased)
    of.when(e.CollectOutputs(token=TOKEN, names=("map",))).then(e.CollectionIntended)
    of.when(OutputsStored(TOKEN, {"map": MAP}, [])).then(e.OutputsCollected, KeepOutputs)
    of.when(e.ReleaseJob(token=TOKEN, attempt=2)).then(e.JobReleased(token=TOKEN, at=NOW))
    assert of.state is not None
    assert of.state.jobs == {}


def test_a_requeue_is_seen_for_an_hour_after_the_end() -> None:
    of = failed().later(3599).when(LookAtClock()).then()
    of.later(1).when(LookAtClock()).then(e.JobReleased(token=TOKEN, at=NOW))
    of.when(LookAtClock()).then().when(seen(JobState.RUNNING, attempt=2)).then()


def test_what_was_not_wanted_is_not_heard_when_it_is_over() -> None:
    of = queued().when(CANCEL).when(TAKEN).when(seen(JobState.CANCELLED))
    of.when(RELEASE).then(e.JobReleased(token=TOKEN, at=NOW))


def test_a_released_job_is_forgotten() -> None:
    of = queued().when(seen(JobState.COMPLETED)).when(RELEASE).then(e.JobReleased)
    assert of.state is not None
    assert of.state.jobs == {}
    for late in (CANCEL, RELEASE, seen(JobState.FAILED), TAKEN):
        of.when(late).then()


def test_a_job_released_while_it_is_cancelled_is_cancelled_first() -> None:
    of = queued().when(seen(JobState.LOST)).when(CANCEL).when(RELEASE).then(e.JobReleased)
    of.when(RELEASE).then()
    assert f"cancel {TOKEN} settled" in work(of)
    of.when(TAKEN).then(e.CancelSent)
    assert of.state is not None
    assert of.state.jobs == {}


REFUSED = MachineLooked(reachable=False, reason="no key will do", login_needed=True)


def test_nothing_is_done_while_a_login_is_needed_until_somebody_allows_one_more() -> None:
    of = queued().when(CANCEL).when(REFUSED).then(e.MachineAnswered, SeeMachine)
    see = next(effect.command for effect in of.effects if isinstance(effect, Send))
    assert isinstance(see, SeeMachine)
    assert see.login_needed
    assert work(of) == []
    of.elsewhere().when(REFUSED).then()
    before = job(of)
    of.when(e.TryLogin()).then(e.LoginIntended).when(e.TryLogin()).then()
    assert work(of) == ["watch", f"cancel {TOKEN} settled"]
    assert job(of) == before
    of.when(REFUSED).then(e.MachineAnswered, SeeMachine)
    assert work(of) == []
    of.when(e.TryLogin()).when(MachineLooked(reachable=True)).then(e.MachineAnswered, SeeMachine)
    assert work(of) == ["watch", f"cancel {TOKEN} settled"]


@pytest.mark.parametrize(
    "changes", [{"access": {"user": "ada"}}, {"connection": "ssh"}, {"test_mode": True}]
)
def test_another_way_to_log_in_is_tried_once(changes: dict[str, object]) -> None:
    of = machine().when(REFUSED)
    assert work(of) == []
    other = SETTINGS.model_copy(update=changes)
    assert work(of.when(e.ConfigureMachine(settings=other))) == ["watch"]


@pytest.mark.parametrize(
    "changes", [{"slots": 3}, {"limits": MachineLimits(commands=100)}, {"base_directory": "/other"}]
)
def test_a_refused_login_is_not_tried_again_for_other_settings(changes: dict[str, object]) -> None:
    of = machine().when(REFUSED)
    other = SETTINGS.model_copy(update=changes)
    assert work(of.when(e.ConfigureMachine(settings=other))) == []
    assert work(of.when(e.TryLogin())) == ["watch"]


def test_what_should_be_done_before_long_is_told_once() -> None:
    expires = MachineLooked(reachable=True, notice="the certificate expires soon")
    of = machine().when(expires).then(e.MachineAnswered, SeeMachine).when(expires).then()
    of.when(MachineLooked(reachable=True)).then(e.MachineAnswered, SeeMachine)


def test_a_long_reason_is_told_once_like_any_other() -> None:
    away = MachineLooked(reachable=False, reason="no route, " * 1000)
    machine().when(away).then(e.MachineAnswered, SeeMachine).when(away).then()


def test_why_a_job_waits_for_ever_is_news_and_what_passes_is_none() -> None:
    of = queued()
    waits = JobReport(token=TOKEN, state=JobState.QUEUED, witness=Witness.QUEUE)
    of.when(JobSeen(waits.model_copy(update={"waiting": Waiting.NORMAL}))).then()
    stuck = waits.model_copy(update={"waiting": Waiting.IMPOSSIBLE, "reason": "PartitionConfig"})
    of.when(JobSeen(stuck)).then(*REPORTED)
    of.when(JobSeen(stuck)).then()
    of.when(JobSeen(waits)).then(*REPORTED)


def test_a_word_that_nobody_knows_is_told_once_and_changes_no_state() -> None:
    of = queued()
    running = JobReport(token=TOKEN, state=JobState.RUNNING, witness=Witness.QUEUE)
    of.when(JobSeen(running)).then(*REPORTED)
    odd = running.model_copy(update={"state": JobState.QUEUED, "unknown": "DREAMING"})
    of.when(JobSeen(odd)).then(*REPORTED)
    assert job(of).report == odd.model_copy(update={"state": JobState.RUNNING})
    of.when(JobSeen(odd)).then()


def test_what_was_left_out_of_a_submission_is_recorded() -> None:
    of = machine().when(SUBMIT)
    of.when(SubmissionAnswered(TOKEN, 1, JobId("17"), "-J other is left out."))
    confirmed = [effect for effect in of.effects if isinstance(effect, e.SubmissionConfirmed)]
    assert [event.remarks for event in confirmed] == ["-J other is left out."]


FILLED = RoomLooked("Disk quota exceeded")


def test_who_waits_to_be_submitted_is_told_that_there_is_no_room() -> None:
    trouble = (*REPORTED, SeeTrouble)
    of = submitting().when(FILLED).then(e.RoomSeen(full=FILLED.full), *trouble)
    report = job(of).report
    assert report is not None
    assert (report.state, report.stuck) == (JobState.PENDING, Waiting.NEEDS_A_HUMAN)
    assert FILLED.full in report.reason
    assert f"submit {TOKEN} 1" in work(of)
    of.when(RoomLooked("No space left on device")).then()
    of.when(RoomLooked()).then(e.RoomSeen(), *trouble)
    assert of.effects[-1] == Send(Context.MACHINES, FLEET, SeeTrouble(name="m", reason=""))
    of.when(SubmissionAnswered(TOKEN, 1, JobId("17"))).then(e.SubmissionConfirmed, *REPORTED)


def test_however_many_wait_each_is_told_of_room_once_and_a_decision_fits_into_a_record() -> None:
    of = machine()
    for number in range(120):
        id = UUID(int=number + 1)
        request = SUBMIT.request.model_copy(update={"token": token_of(id)})
        of.when(SUBMIT.model_copy(update={"simulation": id, "request": request}))
    for looked in (RoomLooked("\N{FIRE}" * PROSE_CHARACTERS), RoomLooked()):
        effects = [effect for each in of.when(looked).portions() for effect in each]
        told = [effect.report.token for effect in effects if isinstance(effect, e.JobReported)]
        assert len({*told}) == len(told) == 120
    of.when(inputs.LookAtClock()).then()


def test_a_job_for_a_machine_without_room_is_told_at_once() -> None:
    of = machine().when(FILLED).then(e.RoomSeen, SeeTrouble)
    assert of.effects[-1].command.full  # type: ignore[union-attr]
    of.when(SUBMIT).then(e.SubmissionIntended, *REPORTED)


def test_a_check_sees_that_there_is_no_room() -> None:
    of = machine().when(CHECK)
    full = FOUND.model_copy(update={"full": "Disk quota exceeded"})
    of.when(CheckedUp(ONE, full)).then(e.CheckConcluded, SeeCheckup, e.RoomSeen, SeeTrouble)
    dead = Finding(about=Question.CONNECTION, mark=Mark.NO, found="the line is dead")
    of.when(CHECK).when(CheckedUp(ONE, Checkup(findings=(dead,))))
    of.then(e.CheckConcluded, SeeCheckup)
    of.when(CHECK).when(CheckedUp(ONE, FOUND))
    of.then(e.CheckConcluded, SeeCheckup, e.RoomSeen, SeeTrouble)


def test_a_submission_that_may_have_got_through_is_known() -> None:
    of = submitting().when(SubmissionInDoubt(TOKEN, 1, "cut"))
    assert job(of).doubted
    assert not job(of.when(SubmissionAbsent(TOKEN, 1))).doubted


# What is left of jobs.

KEPT = SETTINGS.model_copy(update={"folders": MachineFolders(keep=2, purge=20)})


def kept() -> Scenario[MachineJobs]:
    """A machine with a job, whose settings say how long what it leaves lasts."""
    of = scenario(MANAGER).when(e.ConfigureMachine(settings=KEPT)).when(SUBMIT)
    return of.when(SubmissionAnswered(TOKEN, 1, JobId("17")))


def over(state: JobState = JobState.COMPLETED) -> Scenario[MachineJobs]:
    return kept().when(seen(state)).when(RELEASE).then(e.JobReleased(token=TOKEN, at=NOW))


def due(of: Scenario[MachineJobs]) -> float | None:
    assert of.state is not None
    return MANAGER.due(of.state)


def test_a_folder_is_removed_some_time_after_its_job_was_over() -> None:
    of = over()
    assert due(of) == NOW + 2 * DAY
    of.later(2 * DAY - 1).when(LookAtClock()).then()
    of.later(1).when(LookAtClock()).then(e.RemovalIntended(token=TOKEN, incident=IncidentId("i-1")))
    assert work(of) == ["watch", f"remove {TOKEN}"]
    of.when(LookAtClock()).then()
    hindered = TaskFails(TOKEN, e.JobTask.REMOVE, "not ours")
    of.when(hindered).then(e.TaskHindered, SeeTrouble).when(hindered).then()
    of.when(FolderGone(TOKEN)).then(e.FolderRemoved(token=TOKEN), SeeTrouble)
    of.when(FolderGone(TOKEN)).then().when(hindered).then()
    assert (work(of), due(of)) == (["watch"], None)


@pytest.mark.parametrize("state", [JobState.LOST, JobState.RUNNING])
def test_a_folder_of_a_job_that_may_not_be_over_is_left(state: JobState) -> None:
    of = over(state).later(100 * DAY).when(LookAtClock()).then()
    assert due(of) is None


def test_a_folder_is_left_where_nobody_says_how_long_it_lasts() -> None:
    of = queued().when(seen(JobState.COMPLETED)).when(RELEASE)
    assert due(of) is None
    of.when(e.ConfigureMachine(settings=KEPT))
    assert due(of) is None
    for moved in ({"base_directory": "/elsewhere"}, {"folders": MachineFolders()}):
        of = over().when(e.ConfigureMachine(settings=KEPT.model_copy(update=moved)))
        assert due(of) is None
    assert over().when(e.ForgetMachine()).state is None


def test_other_settings_count_for_what_is_there() -> None:
    longer = KEPT.model_copy(update={"folders": MachineFolders(keep=3)})
    assert due(over().when(e.ConfigureMachine(settings=longer))) == NOW + 3 * DAY


def test_many_folders_are_removed_some_at_a_time() -> None:
    of = scenario(MANAGER).when(e.ConfigureMachine(settings=KEPT))
    tokens = [token_of(UUID(int=number)) for number in range(25)]
    for token in tokens:
        request = SUBMIT.request.model_copy(update={"token": token})
        of.when(SUBMIT.model_copy(update={"request": request}))
        ended = JobReport(token=token, state=JobState.FAILED, witness=Witness.QUEUE)
        of.when(JobSeen(ended)).when(e.ReleaseJob(token=token))
    of.later(3 * DAY).when(LookAtClock()).then(*[e.RemovalIntended] * 20)
    assert due(of) is None
    of.when(FolderGone(tokens[0])).then(e.FolderRemoved)
    assert due(of) == NOW + 2 * DAY
    of.when(LookAtClock()).then(e.RemovalIntended)


def test_somebody_is_warned_before_what_is_needed_is_purged() -> None:
    of = kept()
    assert due(of) == NOW + 15 * DAY
    goes_on = e.PurgeNears(token=TOKEN, incident=IncidentId("i-1"), at=NOW + 20 * DAY, ended=False)
    of.later(15 * DAY).when(LookAtClock()).then(goes_on, SeeTrouble).when(LookAtClock()).then()
    ended = JobReport(
        token=TOKEN, state=JobState.COMPLETED, witness=Witness.STATUS_FILE, ended=NOW + DAY
    )
    of.when(JobSeen(ended)).then(*REPORTED, SeeTrouble)
    assert due(of) is None
    of.when(e.CollectOutputs(token=TOKEN, names=("map",)))
    assert due(of) == NOW + 16 * DAY
    unfetched = e.PurgeNears(token=TOKEN, incident=IncidentId("i-1"), at=NOW + 21 * DAY, ended=True)
    of.later(DAY).when(LookAtClock()).then(unfetched, SeeTrouble)
    of.when(OutputsStored(TOKEN, {"map": MAP}, ())).then(
        e.OutputsCollected, KeepOutputs, SeeTrouble
    )
    assert due(of) is None


def confirmed(id: UUID, at: float) -> tuple[e.SubmissionIntended, e.SubmissionConfirmed]:
    """A job that its machine has."""
    request = SUBMIT.request.model_copy(update={"token": token_of(id)})
    intended = e.SubmissionIntended(
        incident=IncidentId("i-1"), simulation=id, request=request, inputs={}, at=at
    )
    return intended, e.SubmissionConfirmed(token=request.token, job_id=JobId(str(id.int)))


def test_whom_a_purge_concerns_is_told_in_portions() -> None:
    of, ids = machine(), [UUID(int=number + 1) for number in range(1000)]
    submitted = (confirmed(id, at=NOW + id.int) for id in ids)
    of.given(*(event for events in submitted for event in events))
    of.later(19 * DAY).when(e.ConfigureMachine(settings=KEPT)).then(e.MachineConfigured)
    portions = of.portions()
    told = [one.token for each in portions for one in each if isinstance(one, e.PurgeNears)]
    assert (len(portions), told) == (3, [token_of(id) for id in ids])


# Copies.


def repeated() -> Scenario[MachineJobs]:
    """A job of which a submission that was given up may come late."""
    of = submitting().when(SubmissionInDoubt(TOKEN, 1, "cut")).when(SubmissionAbsent(TOKEN, 1))
    return of.when(SubmissionAnswered(TOKEN, 2, JobId("18")))


def test_copies_that_were_turned_away_are_counted() -> None:
    running = JobReport(token=TOKEN, state=JobState.RUNNING, witness=Witness.QUEUE)
    of = repeated().when(JobSeen(running)).then(*REPORTED)
    copied = JobSeen(running.model_copy(update={"copies": 2}))
    of.when(copied).then(*REPORTED, e.CopiesSeen(token=TOKEN, copies=2)).when(copied).then()


def test_copies_that_still_wait_when_a_job_is_over_are_cancelled() -> None:
    of = repeated().when(seen(JobState.COMPLETED)).then(*REPORTED, e.CancelIntended)
    of.when(RELEASE).then(e.JobReleased)
    assert work(of) == ["watch", f"cancel {TOKEN} settled"]
    assert of.when(TAKEN).then(e.CancelSent).state == machine().state
    queued().when(seen(JobState.COMPLETED)).then(*REPORTED)
    repeated().when(seen(JobState.LOST)).then(*REPORTED)


# Who is never found.


def absent(of: Scenario[MachineJobs], times: int) -> Scenario[MachineJobs]:
    for _ in range(times):
        of.when(SubmissionInDoubt(TOKEN, job(of).submission, "what?"))
        of.when(SubmissionAbsent(TOKEN, job(of).submission))
    return of


def test_what_is_never_found_waits_for_somebody_to_decide() -> None:
    of = absent(submitting(), 4).then(e.SubmissionRepeated(token=TOKEN, submission=5))
    of = absent(of, 1).then(e.SubmissionStopped(token=TOKEN, reason="what?"), *REPORTED, SeeTrouble)
    report = job(of).report
    assert report is not None
    assert (report.state, report.stuck) == (JobState.PENDING, Waiting.NEEDS_A_HUMAN)
    assert report.reason == "submitted 5 times, and never found there: what?"
    assert work(of) == ["watch"]
    retried = e.SubmissionRepeated(token=TOKEN, submission=6)
    of.when(e.RetrySubmission(token=TOKEN)).then(retried, *REPORTED, SeeTrouble)
    assert work(of) == ["watch", f"submit {TOKEN} 6"]
    of.when(e.RetrySubmission(token=TOKEN)).then()
    absent(of, 4).then(e.SubmissionRepeated(token=TOKEN, submission=10))
    absent(of, 1).then(e.SubmissionStopped, *REPORTED, SeeTrouble)


def test_what_was_never_found_is_cancelled_at_once() -> None:
    of = absent(submitting(), 5).when(CANCEL)
    of.then(e.CancelIntended, e.SubmissionAbandoned, *REPORTED, SeeTrouble)
    assert job(of).report.state == JobState.CANCELLED  # type: ignore[union-attr]
    assert work(of) == ["watch", f"cancel {TOKEN} settled"]


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.COMPLETED])
def test_what_was_never_found_and_turns_up_late_is_not_submitted_again(state: JobState) -> None:
    of = absent(submitting(), 5)
    assert job(of).may_be_there
    late = JobReport(token=TOKEN, state=state, witness=Witness.QUEUE, job_id=JobId("17"))
    of.when(JobSeen(late))
    assert [type(effect) for effect in of.effects[:2]] == [e.SubmissionConfirmed, e.JobReported]
    assert of.effects[-1] == Send(Context.MACHINES, FLEET, SeeTrouble(name="m", reason=""))
    assert job(of).phase is Phase.SETTLED
    of.when(e.RetrySubmission(token=TOKEN)).then()
    assert f"submit {TOKEN} 6" not in work(of)


def test_one_that_turns_up_while_it_is_tried_again_settles_that() -> None:
    of = absent(submitting(), 5).when(e.RetrySubmission(token=TOKEN))
    assert job(of).may_be_there
    of.when(seen(JobState.RUNNING))
    assert work(of) == ["watch"]
    assert not job(submitting()).may_be_there


def test_what_is_refused_at_last_leaves_no_earlier_copy_waiting() -> None:
    of = absent(submitting(), 1).when(SubmissionTurnedDown(TOKEN, 2, "no such account"))
    of.then(e.SubmissionRefused, *REPORTED, e.CancelIntended)
    assert work(of) == ["watch", f"cancel {TOKEN} settled"]
