"""An array of jobs: what its instances come to, and what is told of it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from events import operations as e
from events.jobs import (
    MOST_INSTANCES,
    JobId,
    JobReport,
    JobRequest,
    JobState,
    Token,
    Waiting,
    Witness,
    token_of,
)
from events.machines import MachineSettings
from events.simulations import ReportJob
from events.values import IncidentId
from managers.operations import (
    Job,
    JobSeen,
    MachineJobs,
    Phase,
    SubmissionAnswered,
    SubmissionTurnedDown,
)
from managers.operations.arrays import whole
from managers.operations.job import reported
from managers.runtime import Decided, Given, Send
from tests.managers.operations.test_operations import MANAGER, REPORTED
from tests.managers.scenario import Scenario, scenario

ONE = UUID(int=1)
TOKEN = token_of(ONE)
SIZE = 4
SETTINGS = MachineSettings(name="m", base_directory="/m")
SUBMIT = e.SubmitJob(
    incident=IncidentId("i-1"),
    simulation=ONE,
    request=JobRequest(token=TOKEN, executable="fire", walltime=60, instances=SIZE),
    inputs={},
)
ENDED = [state for state in JobState if state.ended]
SEEN = [JobState.QUEUED, JobState.HELD, JobState.RUNNING, JobState.ENDING, *ENDED]


def says(instance: int, state: str, attempt: int = 1, **more: object) -> JobReport:
    values = {"token": TOKEN, "instance": instance, "state": state, "attempt": attempt, **more}
    job_id = f"17_{instance}"
    return JobReport.model_validate({"witness": Witness.STATUS_FILE, "job_id": job_id, **values})


def array() -> Scenario[MachineJobs]:
    of = scenario(MANAGER).when(e.ConfigureMachine(settings=SETTINGS))
    return of.when(SUBMIT).when(SubmissionAnswered(TOKEN, 1, JobId("17")))


def seen(*reports: JobReport) -> JobSeen:
    first, *others = reports
    return JobSeen(first, others)


def job(of: Scenario[MachineJobs]) -> Job:
    assert of.state is not None
    return of.state.jobs[TOKEN]


def told(of: Scenario[MachineJobs]) -> JobReport:
    """What the Simulation Manager was told."""
    commands = [effect.command for effect in of.effects if isinstance(effect, Send)]
    [said] = [command.report for command in commands if isinstance(command, ReportJob)]
    return said


def come_to(*states: str) -> JobReport:
    return whole(TOKEN, SIZE, None, {n: says(n, state) for n, state in enumerate(states)})


@pytest.mark.parametrize(
    ("states", "comes_to"),
    [
        ("QUEUED", "QUEUED"),
        ("HELD", "QUEUED"),
        ("HELD HELD HELD HELD", "HELD"),
        ("RUNNING", "RUNNING"),
        ("COMPLETED", "RUNNING"),
        ("COMPLETED COMPLETED COMPLETED HELD", "RUNNING"),
        ("FAILED FAILED FAILED ENDING", "RUNNING"),
        ("CANCELLED CANCELLED CANCELLED QUEUED", "QUEUED"),
        ("COMPLETED COMPLETED COMPLETED COMPLETED", "COMPLETED"),
        ("COMPLETED COMPLETED COMPLETED LOST", "LOST"),
        ("COMPLETED COMPLETED CANCELLED LOST", "CANCELLED"),
        ("COMPLETED TIMEOUT CANCELLED LOST", "TIMEOUT"),
        ("FAILED TIMEOUT CANCELLED LOST", "FAILED"),
    ],
)
def test_the_rule(states: str, comes_to: str) -> None:
    assert come_to(*states.split()).state == comes_to


@given(st.dictionaries(st.integers(0, SIZE - 1), st.sampled_from(SEEN), min_size=1))
def test_every_array_is_over_when_all_are_and_all_are_counted(
    states: Mapping[int, JobState],
) -> None:
    words = {n: says(n, state) for n, state in states.items()}
    report = whole(TOKEN, SIZE, None, words)
    over = len(states) == SIZE and all(state.ended for state in states.values())
    assert report.state.ended is over
    assert sum(report.instances.values()) == SIZE
    assert (report.state is JobState.COMPLETED) is (report.instances == {"COMPLETED": SIZE})


@given(st.lists(st.tuples(st.none() | st.integers(0, SIZE - 1), st.sampled_from(SEEN))))
def test_a_state_is_known_without_summing_up(words: list[tuple[int | None, JobState]]) -> None:
    now = job(array())
    for instance, state in words:
        word = says(instance or 0, state).model_copy(update={"instance": instance})
        now = reported(now, word)
        assert now.report is not None
        assert now.state is now.report.state
        assert instance is None or now.counts == now.report.instances


def test_many_instances_that_are_seen_together_are_summed_up_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summed_up = list[int]()

    def counted(token: Token, size: int, *more: Any) -> JobReport:
        summed_up.append(size)
        return whole(token, size, *more)

    large = SUBMIT.request.model_copy(update={"instances": MOST_INSTANCES})
    of = scenario(MANAGER).when(e.ConfigureMachine(settings=SETTINGS))
    of.when(SUBMIT.model_copy(update={"request": large}))
    of.when(SubmissionAnswered(TOKEN, 1, JobId("17")))
    given = Given(ONE, of.now, "somebody", "a test", ONE)
    monkeypatch.setattr("managers.operations.job.whole", counted)
    everyone = seen(*(says(number, "RUNNING") for number in range(MOST_INSTANCES)))
    decided = MANAGER.decide(of.state, everyone, given)
    assert isinstance(decided, Decided)
    assert len(decided.effects) == MOST_INSTANCES + 1
    after = of.state
    for effect in decided.effects[:-1]:
        after = MANAGER.evolve(after, effect)  # type: ignore[arg-type]
    assert after == decided.state
    assert summed_up == [MOST_INSTANCES]


def test_what_is_summed_up_is_no_part_of_a_snapshot() -> None:
    of = array().when(seen(says(1, "RUNNING")))
    assert job(of).report is not None
    assert '"report"' not in TypeAdapter(Job).dump_json(job(of)).decode()


def test_how_many_ended_badly_and_why_one_of_them_did() -> None:
    words = {
        0: says(0, "COMPLETED", exit_code=0, started=3.0, ended=9.0),
        1: says(1, "FAILED", exit_code=2, started=2.0, ended=5.0),
        2: says(2, "TIMEOUT", reason="too long"),
        3: says(3, "FAILED", exit_code=3, started=4.0, ended=6.0, reason="no wind"),
    }
    report = whole(TOKEN, SIZE, JobId("17"), words)
    assert report.reason == "of 4 instances 2 FAILED, 1 TIMEOUT; instance 3: no wind"
    assert (report.state, report.exit_code, report.job_id) == ("FAILED", 3, "17")
    assert (report.started, report.ended, report.instance) == (2.0, 9.0, None)


def test_an_array_is_stuck_when_nothing_of_it_gets_on() -> None:
    held: dict[str, Any] = {"waiting": Waiting.NEEDS_A_HUMAN, "reason": "JobHeldUser"}
    words = {n: says(n, "COMPLETED") for n in range(3)} | {3: says(3, "HELD", **held)}
    assert whole(TOKEN, SIZE, None, words).stuck is Waiting.NEEDS_A_HUMAN
    assert "instance 3: JobHeldUser" in whole(TOKEN, SIZE, None, words).reason
    words[2] = says(2, "RUNNING")
    assert whole(TOKEN, SIZE, None, words).stuck is None


def test_it_is_followed_instance_by_instance() -> None:
    of = array()
    assert (told(of).state, told(of).instances) == (JobState.QUEUED, {"QUEUED": SIZE})
    of.when(seen(*(says(n, "QUEUED") for n in range(SIZE)))).then()
    of.when(seen(says(0, "RUNNING"), says(1, "COMPLETED"))).then(e.JobReported, *REPORTED)
    assert told(of).instances == {"COMPLETED": 1, "QUEUED": 2, "RUNNING": 1}
    of.when(seen(says(0, "RUNNING"), says(1, "COMPLETED"))).then()
    of.when(seen(*(says(n, "COMPLETED") for n in range(SIZE)))).then(
        e.JobReported, e.JobReported, *REPORTED
    )
    assert (told(of).state, told(of).job_id) == (JobState.COMPLETED, "17")


def test_a_requeued_instance_is_at_its_next_attempt_and_no_other() -> None:
    of = array().when(seen(*(says(n, "RUNNING") for n in range(SIZE))))
    of.when(seen(says(1, "QUEUED", 2))).then(*REPORTED)
    of.when(seen(says(1, "COMPLETED"))).then()  # what its first run says completes nothing
    of.when(seen(says(0, "COMPLETED"))).then(*REPORTED)
    words = job(of).instances
    assert [words[n].attempt for n in range(SIZE)] == [1, 2, 1, 1]


def test_each_requeue_of_an_instance_makes_an_attempt_of_the_whole() -> None:
    of = array().when(seen(*(says(n, "FAILED") for n in range(SIZE))))
    for n in range(2):
        of.when(seen(says(n, "RUNNING", 2)))
        assert told(of).attempt == 2 + n
        of.when(seen(says(n, "FAILED", 2)))


def test_it_is_found_when_nobody_knew_whether_it_was_submitted() -> None:
    of = scenario(MANAGER).when(
        e.ConfigureMachine(settings=MachineSettings(name="m", base_directory="/m"))
    )
    of.when(SUBMIT).when(seen(*(says(n, "QUEUED") for n in range(SIZE))))
    of.then(e.SubmissionConfirmed, *REPORTED)
    assert job(of).phase is Phase.SETTLED


def test_one_that_is_refused_is_over_as_a_whole() -> None:
    of = scenario(MANAGER).when(
        e.ConfigureMachine(settings=MachineSettings(name="m", base_directory="/m"))
    )
    of.when(SUBMIT).when(SubmissionTurnedDown(TOKEN, 1, "too large"))
    of.then(e.SubmissionRefused, *REPORTED)
    assert (told(of).state, told(of).instances) == (JobState.FAILED, {"FAILED": SIZE})


def test_what_is_lost_of_an_array_that_failed_is_cancelled() -> None:
    of = array().when(seen(says(0, "FAILED"), *(says(n, "COMPLETED") for n in (1, 2))))
    of.when(seen(says(3, "LOST"))).then(*REPORTED, e.CancelIntended)
    assert told(of).state is JobState.FAILED


def test_an_array_of_which_one_is_lost_is_revived_by_it() -> None:
    of = array().when(seen(*(says(n, "COMPLETED") for n in range(3)), says(3, "LOST")))
    assert told(of).state is JobState.LOST
    of.when(seen(says(3, "RUNNING"))).then(*REPORTED)
    assert told(of).state is JobState.RUNNING
    of.when(seen(says(3, "COMPLETED"))).then(*REPORTED)
    assert told(of).state is JobState.COMPLETED
