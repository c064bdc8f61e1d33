"""What the dialect makes of LSF's words: those of its documentation, for no server was at hand."""

from pathlib import PurePosixPath

import pytest

from events.jobs import JobId, JobReport, JobRequest, JobState, Token, Waiting
from interfaces.machines.connection import CommandFailed, Completed
from interfaces.machines.dialect import Estimate, InDoubt, Refused, Submitted
from interfaces.machines.dialects.lsf import Lsf
from interfaces.machines.dialects.lsf.jobs import FIELDS
from interfaces.machines.scripts.layout import Layout

REQUEST = JobRequest(token=Token("v1"), executable="true", walltime=60)
DIALECT = Lsf(Layout(PurePosixPath("/base")))


def row(**values: str) -> JobReport:
    known = {"jobid": "7", "jobindex": "0", "job_name": "v1", "stat": "PEND", **values}
    line = "\x1f".join(known.get(name, "-") for name in FIELDS)
    [report] = DIALECT.history([Token("v1")]).parse(Completed(0, line, ""))
    return report


@pytest.mark.parametrize(
    ("values", "state", "code"),
    [
        ({"stat": "EXIT", "exit_code": "3"}, JobState.FAILED, 3),
        ({"stat": "EXIT", "exit_reason": "TERM_RUNLIMIT: limit", "exit_code": "140"},
         JobState.TIMEOUT, 140),
        ({"stat": "RUN"}, JobState.RUNNING, None),
        ({"stat": "USUSP"}, JobState.RUNNING, None),
        ({"stat": "PEND"}, JobState.QUEUED, None),
        ({"stat": "DONE"}, JobState.COMPLETED, 0),
        ({"stat": "EXIT", "exit_reason": "TERM_OWNER: by owner", "exit_code": "130"},
         JobState.CANCELLED, 130),
        ({"stat": "EXIT", "exit_reason": "TERM_ADMIN: by an administrator", "exit_code": "130"},
         JobState.CANCELLED, 130),
        ({"stat": "EXIT", "exit_reason": "TERM_MEMLIMIT: memory"}, JobState.FAILED, None),
        ({"stat": "PSUSP"}, JobState.HELD, None),
    ],
)  # fmt: skip
def test_ends(values: dict[str, str], state: JobState, code: int | None) -> None:
    report = row(**values)
    assert (report.state, report.exit_code) == (state, code)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("Job slot limit reached;", Waiting.NORMAL),
        ("Job dependency condition not satisfied;", Waiting.NORMAL),
        ("Closed by LSF administrator: 3 hosts;", Waiting.MAINTENANCE),
        ("The queue is inactivated by the administrator;", Waiting.NEEDS_A_HUMAN),
        ("Job's dependency condition invalid or never satisfied;", Waiting.IMPOSSIBLE),
    ],
)
def test_reasons_to_wait_are_sorted(reason: str, kind: Waiting) -> None:
    assert row(pend_reason=reason).waiting == kind


def test_a_word_that_nobody_knows_is_told_raw() -> None:
    assert row(stat="UNKWN").unknown == "UNKWN"
    assert row(stat="-").unknown == "nothing"


def test_an_element_of_an_array_has_its_own_id() -> None:
    report = row(jobindex="2", job_name="v1[2]")
    assert (report.job_id, report.part) == ("7[2]", "v1.1")


def test_no_job_is_an_answer_and_no_server_is_none() -> None:
    assert DIALECT.jobs([Token("v1")]).parse(Completed(255, "", "No unfinished job found\n")) == []
    with pytest.raises(CommandFailed, match="LSF is down"):
        DIALECT.jobs([Token("v1")]).parse(Completed(255, "", "LSF is down. Please wait ...\n"))


def test_submissions() -> None:
    submit = DIALECT.submit(REQUEST, 1)
    accepted = Completed(0, "Job <42> is submitted to default queue <normal>.\n", "")
    assert submit.parse(accepted) == Submitted(JobId("42"))
    refused = submit.parse(Completed(255, "", "no: No such queue. Job not submitted.\n"))
    assert isinstance(refused, Refused)
    assert refused.permanent
    later = submit.parse(Completed(255, "", "User job limit reached. Job not submitted.\n"))
    assert isinstance(later, Refused)
    assert not later.permanent
    with pytest.raises(InDoubt, match="LSF is down"):
        submit.parse(Completed(255, "", "LSF is down. Please wait ...\n"))


def test_load() -> None:
    lines = ["n1|ok|8|3|3", "n2|closed_Adm|8|0|0", "n3|closed_Full|8|8|8"]
    lines += ["normal|Open:Active|20|9|11|0", "night|Open:Inact|0|0|0|0"]
    text = "\n".join(lines).replace("|", "\x1f")
    load = DIALECT.load().parse(Completed(0, text, ""))
    assert (load.nodes, load.nodes_used, load.slots, load.slots_used) == (2, 2, 16, 11)
    assert (load.running, load.queued) == (11, 9)
    assert [(queue.name, queue.open) for queue in load.queues] == [
        ("night", False),
        ("normal", True),
    ]


def test_nobody_tells_when_a_job_would_start() -> None:
    assert DIALECT.estimate(REQUEST).parse(Completed(0, "", "")) == Estimate()
