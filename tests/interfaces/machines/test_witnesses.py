"""What is believed when witnesses differ: a table."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from events.jobs import JobId, JobReport, JobRequest, JobState, Token, Witness
from events.values import IncidentId
from interfaces.machines.scripts.status import parse_status
from interfaces.machines.witnesses import judge, of_claimant, of_each, one_each
from interfaces.machines.work.verdict import verdict
from managers.operations import Job
from managers.operations.job import reported

TOKEN = Token("vabcdefghijklm")


def says(witness: Witness, state: str, attempt: int = 1, **more: object) -> JobReport:
    values = {"token": TOKEN, "witness": witness, "state": state, "attempt": attempt, **more}
    return JobReport.model_validate(values)


def status(state: str, attempt: int = 1, **more: object) -> JobReport:
    return says(Witness.STATUS_FILE, state, attempt, **more)


def queue(state: str, attempt: int = 1) -> JobReport:
    return says(Witness.QUEUE, state, attempt)


def history(state: str, attempt: int = 1, **more: object) -> JobReport:
    return says(Witness.ACCOUNTING, state, attempt, **more)


@pytest.mark.parametrize(
    ("status", "queue", "history", "state", "attempt"),
    [
        (None, queue("QUEUED"), None, "QUEUED", 1),
        (status("RUNNING"), queue("RUNNING"), None, "RUNNING", 1),
        (status("COMPLETED"), None, None, "COMPLETED", 1),
        (status("COMPLETED"), None, history("FAILED"), "COMPLETED", 1),
        (status("RUNNING"), None, history("LOST"), "LOST", 1),
        (status("ENDING"), None, history("TIMEOUT"), "TIMEOUT", 1),
        (None, None, history("FAILED"), "FAILED", 1),
        (None, None, history("QUEUED"), "QUEUED", 1),
        pytest.param(status("RUNNING"), None, history("QUEUED"), "RUNNING", 1, id="late accounts"),
        pytest.param(status("ENDING"), None, history("RUNNING"), "ENDING", 1, id="told to stop"),
        pytest.param(status("RUNNING"), None, None, "ENDING", 1, id="gone without a word"),
        pytest.param(status("COMPLETED"), queue("RUNNING"), None, "COMPLETED", 1, id="late queue"),
        pytest.param(status("RUNNING"), queue("QUEUED"), None, "QUEUED", 2, id="requeued"),
        pytest.param(status("COMPLETED"), queue("QUEUED"), None, "QUEUED", 2, id="run again"),
        pytest.param(status("COMPLETED"), queue("RUNNING", 2), None, "RUNNING", 2, id="2nd run"),
    ],
)
def test_judgement(
    status: JobReport | None,
    queue: JobReport | None,
    history: JobReport | None,
    state: str,
    attempt: int,
) -> None:
    report = judge(status, queue, history)
    assert report
    assert (report.state, report.attempt) == (state, attempt)


def test_silence_is_no_report() -> None:
    assert judge(None, None, None) is None


def test_the_scheduler_says_why_and_the_wrapper_says_where() -> None:
    report = judge(status("ENDING", host="n7", started=5.0), None, history("TIMEOUT"))
    assert report
    assert (report.state, report.host, report.started) == (JobState.TIMEOUT, "n7", 5.0)


def test_a_row_of_another_job_id_is_a_second_copy() -> None:
    report = history("FAILED").model_copy(update={"job_id": JobId("8")})
    assert not of_claimant(report, JobId("7"))
    assert of_claimant(report, JobId("8"))
    assert of_claimant(report, None)


def test_what_is_said_of_an_array_holds_for_instances_that_never_started() -> None:
    deleted, ended = history("CANCELLED"), history("FAILED", instance=2)
    parts = [f"{TOKEN}.{n}" for n in range(4)]
    rows = of_each([deleted, ended], parts, {parts[0]: JobId("7.1"), parts[2]: JobId("7.3")})
    found = one_each(rows, {})
    assert {part: found[part].state for part in parts if part in found} == {
        parts[1]: JobState.CANCELLED,
        parts[2]: JobState.FAILED,
        parts[3]: JobState.CANCELLED,
    }


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_copies_of_a_job_the_one_counts_that_may_still_run(order: int) -> None:
    over = history("FAILED").model_copy(update={"job_id": JobId("7")})
    waits = queue("QUEUED").model_copy(update={"job_id": JobId("8")})
    rows = [over, waits][::order]
    assert one_each(rows, {}) == {TOKEN: waits}
    assert one_each(rows, {TOKEN: JobId("7")}) == {TOKEN: over}


def test_the_newest_line_of_a_status_counts_and_copies_are_counted() -> None:
    text = "\n".join(
        [
            f"COMPLETED\t{TOKEN}\t2\t7\tn1\t1.5\t2.5\t0",
            f"FAILED\t{TOKEN}\t1\t7\tn1\t0.5\t1.0\t1",
            f"RUNNING\t{TOKEN}\t2\t7\tn1\t1.5\t\t",
            f"COPY\t{TOKEN}\t1\t8\tn1\t\t2.0\t",
            "a line from somebody else",
            f"RUNNING\t{TOKEN}.who\t3\t9\tn1\t1.5\t\t",
            "",
        ]
    )
    [report] = parse_status(text, Witness.STATUS_FILE).values()
    assert (report.state, report.attempt, report.exit_code) == (JobState.COMPLETED, 2, 0)
    assert (report.job_id, report.host, report.copies) == ("7", "n1", 1)


def test_a_word_that_nobody_knows_is_shown_beside_what_the_wrapper_said() -> None:
    odd = queue("QUEUED").model_copy(update={"unknown": "DREAMING", "reason": "asleep"})
    report = judge(status("RUNNING", host="n7"), odd, None)
    assert report
    assert (report.state, report.unknown, report.host) == (JobState.RUNNING, "DREAMING", "n7")


JOB = Job(
    incident=IncidentId("i"),
    simulation=UUID(int=1),
    request=JobRequest(token=TOKEN, executable="fire", walltime=60),
    inputs={},
)
JOB_ID = JobId("7")
TOLD_TO_STOP = says(Witness.QUEUE, "ENDING", 2, exit_code=143)
GONE = says(Witness.QUEUE, "ENDING", 2)


@pytest.mark.parametrize(
    ("job", "found", "state"),
    [
        pytest.param(JOB, queue("RUNNING"), None, id="turned up"),
        pytest.param(JOB, history("FAILED"), None, id="accounts were late"),
        pytest.param(JOB, None, JobState.LOST, id="nothing at all"),
        pytest.param(JOB, GONE, JobState.LOST, id="it had started"),
        pytest.param(JOB, TOLD_TO_STOP, JobState.FAILED, id="told to stop, and no accounts"),
        pytest.param(replace(JOB, unwanted=True), TOLD_TO_STOP, JobState.LOST, id="and wished"),
    ],
)
def test_what_is_believed_of_a_job_that_has_vanished(
    job: Job, found: JobReport | None, state: JobState | None
) -> None:
    report = verdict(job, found)
    assert (report and report.state) == state
    if report and found:
        assert (report.attempt, report.exit_code) == (found.attempt, found.exit_code)


def waits(job_id: JobId | None = JOB_ID, **more: Any) -> Job:
    """A job that was in the queue when it was last heard of."""
    report = queue("HELD").model_copy(update={"job_id": job_id})
    return replace(JOB, overall=report, job_id=job_id, **more)


@pytest.mark.parametrize(
    ("job", "found", "state"),
    [
        pytest.param(waits(), None, JobState.CANCELLED, id="it waited"),
        pytest.param(waits(), GONE, JobState.LOST, id="it began meanwhile"),
        pytest.param(waits(None), None, JobState.LOST, id="nobody knows its id"),
        pytest.param(waits(repeated=True), None, JobState.LOST, id="another may come late"),
        pytest.param(replace(waits(), overall=queue("RUNNING")), None, JobState.LOST, id="it ran"),
        pytest.param(replace(waits(), overall=None), None, JobState.LOST, id="it was never seen"),
    ],
)
def test_a_job_that_waited_was_deleted_where_nothing_else_leaves_no_trace(
    job: Job, found: JobReport | None, state: JobState
) -> None:
    report = verdict(job, found, forgets_deleted=True)
    assert report
    assert report.state is state
    anywhere_else = verdict(job, found)
    assert anywhere_else
    assert anywhere_else.state is JobState.LOST


@pytest.mark.parametrize(
    ("instance", "state"), [(0, JobState.LOST), (1, JobState.CANCELLED), (2, JobState.CANCELLED)]
)
def test_an_instance_that_waited_while_others_had_started_was_deleted(
    instance: int, state: JobState
) -> None:
    """Of the last one nothing was ever said."""
    runs, is_held = status("RUNNING", instance=0), says(Witness.QUEUE, "HELD", instance=1)
    job = replace(JOB, request=JOB.request.model_copy(update={"instances": 3}), job_id=JOB_ID)
    job = reported(reported(job, runs), is_held)
    report = verdict(job, None, instance, forgets_deleted=True)
    assert report
    assert (report.state, report.instance) == (state, instance)
