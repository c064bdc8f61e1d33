"""What is believed when witnesses differ: a table."""

import pytest

from events.jobs import JobId, JobReport, JobState, Token, Witness
from interfaces.machines.status import parse_status
from interfaces.machines.witnesses import judge, of_claimant

TOKEN = Token("vabcdefghijklm")


def says(witness: Witness, state: str, attempt: int = 1, **more: object) -> JobReport:
    values = {"token": TOKEN, "witness": witness, "state": state, "attempt": attempt, **more}
    return JobReport.model_validate(values)


def status(state: str, attempt: int = 1, **more: object) -> JobReport:
    return says(Witness.STATUS_FILE, state, attempt, **more)


def queue(state: str, attempt: int = 1) -> JobReport:
    return says(Witness.QUEUE, state, attempt)


def history(state: str, attempt: int = 1) -> JobReport:
    return says(Witness.ACCOUNTING, state, attempt)


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


def test_the_newest_line_of_a_status_counts_and_copies_are_counted() -> None:
    text = "\n".join(
        [
            f"COMPLETED\t{TOKEN}\t2\t7\tn1\t1.5\t2.5\t0",
            f"FAILED\t{TOKEN}\t1\t7\tn1\t0.5\t1.0\t1",
            f"RUNNING\t{TOKEN}\t2\t7\tn1\t1.5\t\t",
            f"COPY\t{TOKEN}\t1\t8\tn1\t\t2.0\t",
            "a line from somebody else",
            "",
        ]
    )
    [report] = parse_status(text, Witness.STATUS_FILE).values()
    assert (report.state, report.attempt, report.exit_code) == (JobState.COMPLETED, 2, 0)
    assert (report.job_id, report.host, report.copies) == ("7", "n1", 1)
