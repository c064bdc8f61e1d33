"""An array of jobs: what its instances come to, and what is told of it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import operations as e
from events.jobs import JobId, JobReport, JobRequest, JobState, Waiting, Witness, token_of
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
from managers.runtime import Send
from tests.managers.operations.test_operations import MANAGER, REPORTED
from tests.managers.scenario import Scenario, scenario

ONE = UUID(int=1)
TOKEN = token_of(ONE)
SIZE = 4
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
    of = scenario(MANAGER).when(
        e.ConfigureMachine(settings=MachineSettings(name="m", base_directory="/m"))
    )
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
