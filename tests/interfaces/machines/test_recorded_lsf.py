"""What LSF servers answered to other projects, laid out as the dialect asks: every file."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import pytest

from events.jobs import JobId, JobReport, JobRequest, JobState, Token, Waiting
from interfaces.machines.connection import CommandFailed, Completed
from interfaces.machines.dialect import Estimate, InDoubt, Refused, Submitted
from interfaces.machines.layout import Layout
from interfaces.machines.lsf import Lsf
from interfaces.machines.lsf.jobs import FIELDS
from tests.interfaces.machines.recordings import FOLDER

REQUEST = JobRequest(token=Token("v1"), executable="true", walltime=60)
DIALECT = Lsf(Layout(PurePosixPath("/base")))
AIIDA = (
    "jobid", "stat", "exit_reason", "first_host", "user", "slots", "max_req_proc", "exec_host",
    "queue", "finish_time", "start_time", "%complete", "submit_time", "job_name",
)  # fmt: skip
"""The columns that AiiDA asks for."""
FILES = {
    "BatchEuphoria__convertBJobsResultLinesToResultMapTest.json": {
        "487641": "FAILED", "487642": "FAILED", "488155": "FAILED", "491861": "COMPLETED",
        "491864": "COMPLETED", "491867": "COMPLETED",
    },
    "BatchEuphoria__queryExtendedJobStateByIdTest.json": {"22005": "COMPLETED"},
    "BatchEuphoria__queryExtendedJobStateByIdWithoutListsTest.json": {"22005": "COMPLETED"},
    "BatchEuphoria__queryExtendedJobStateByIdEmptyTest.json": {"22005": "unknown"},
    "BatchEuphoria__queryJobStateByIdTest.json": {"22005": "COMPLETED"},
    "aiida__lsf_bjobs_stdout_to_test.txt": {
        "764213236": "TIMEOUT", "764220165": "QUEUED", "764220167": "QUEUED",
        "764254593": "RUNNING", "764255172": "RUNNING", "764245175": "RUNNING",
        "764399747": "COMPLETED",
    },
    "ood_core__lsf_batch_spec_heredocs.txt": {
        "542935": "RUNNING", "542936": "RUNNING", "542945": "COMPLETED", "5861085": "RUNNING",
    },
}  # fmt: skip


def test_every_file_is_tested() -> None:
    assert FILES.keys() == {file.name for file in (FOLDER / "lsf").iterdir()}


def rows(file: Path) -> Iterable[Mapping[str, str]]:
    """What a file tells, by the names of LSF's columns."""
    text = file.read_text()
    if file.suffix == ".json":
        return [
            {name.lower(): value for name, value in record.items()}
            for record in json.loads(text)["RECORDS"]
        ]
    if "|" in text:
        return [dict(zip(AIIDA, line.split("|"), strict=True)) for line in text.splitlines()]
    lines = [line.split() for line in text.splitlines() if line[:1].isdecimal()]
    return [{"jobid": line[0], "stat": line[2], "first_host": line[5]} for line in lines]


def told(file: str) -> list[JobReport]:
    lines = [
        "\x1f".join({**row, "job_name": "v1"}.get(name, "-") for name in FIELDS)
        for row in rows(FOLDER / "lsf" / file)
    ]
    return DIALECT.jobs([Token("v1")]).parse(Completed(0, "\n".join(lines), ""))


@pytest.mark.parametrize("file", FILES)
def test_jobs(file: str) -> None:
    reports = {
        r.job_id: "unknown" if r.state is JobState.QUEUED and r.unknown else str(r.state)
        for r in told(file)
    }
    assert reports == FILES[file]


def test_why_a_job_ended() -> None:
    [over, *_] = told("aiida__lsf_bjobs_stdout_to_test.txt")
    assert "run time limit" in over.reason
    assert over.host == "b681e480bd"


def row(**values: str) -> JobReport:
    known = {"jobid": "7", "jobindex": "0", "job_name": "v1", "stat": "PEND", **values}
    line = "\x1f".join(known.get(name, "-") for name in FIELDS)
    [report] = DIALECT.history([Token("v1")]).parse(Completed(0, line, ""))
    return report


@pytest.mark.parametrize(
    ("values", "state", "code"),
    [
        ({"stat": "EXIT", "exit_code": "3"}, JobState.FAILED, 3),
        ({"stat": "DONE"}, JobState.COMPLETED, 0),
        ({"stat": "EXIT", "exit_reason": "TERM_OWNER: by owner", "exit_code": "130"},
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


def test_an_element_of_an_array_has_its_own_id() -> None:
    assert row(jobindex="2").job_id == "7[2]"


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
    assert (load.nodes_total, load.nodes_used, load.slots_total, load.slots_used) == (2, 2, 16, 11)
    assert (load.running, load.queued) == (11, 9)
    assert [(queue.name, queue.open) for queue in load.queues] == [
        ("normal", True),
        ("night", False),
    ]


def test_nobody_tells_when_a_job_would_start() -> None:
    assert DIALECT.estimate(REQUEST).parse(Completed(0, "", "")) == Estimate()
