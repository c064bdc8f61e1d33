"""What a Slurm 22.05 answered, and what the dialect makes of it: every file that was recorded.

Where another question was recorded than the dialect asks, its fields are laid out as the dialect's.
"""

import json
from collections.abc import Mapping, Set
from pathlib import PurePosixPath
from typing import ClassVar

import pytest

from events.jobs import JobId, JobReport, JobState, Token, Waiting
from interfaces.machines.connection import CommandFailed, Completed, NotUnderstood
from interfaces.machines.dialect import Command, Estimate, InDoubt
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.dialects.slurm.jobs import ACCOUNT_FIELDS, QUEUE_FIELDS
from interfaces.machines.dialects.slurm.load import seconds
from interfaces.machines.dialects.slurm.words import ACCOUNTS, QUEUE
from interfaces.machines.scripts.layout import Layout
from tests.interfaces.machines.recorded_contract import REQUEST, RecordedContract
from tests.interfaces.machines.recordings import fields, recorded

SYSTEM = "slurm-22.05"
DIALECT = Slurm(Layout(PurePosixPath("/base")))
TOKENS = [Token(name) for name in ("ok", "fail", "over", "long", "vestec-6f1d2c1e", "v")]
LONG = {"PD": "PENDING", "R": "RUNNING", "CD": "COMPLETED"}
COLUMNS = {
    "%i": "JobArrayID", "%t": "State", "%T": "State", "%r": "Reason", "%j": "Name",
    "%S": "StartTime", "%e": "EndTime",
}  # fmt: skip

ARRAY = dict.fromkeys(["6_0", "6_1", "6_2"], "QUEUED")
"""Of which the queue says `6_[0-2]`."""
QUEUED = {
    "squeue_by_name": {"3": "RUNNING"},
    "squeue_epoch": {
        "4": "QUEUED", **ARRAY, "7": "QUEUED", "8": "QUEUED", "5": "QUEUED", "3": "RUNNING",
    },
    "squeue_format": {
        "4": "QUEUED", **ARRAY, "7": "QUEUED",
        "8": "QUEUED", "5": "HELD", "3": "RUNNING",
    },
    "squeue_states_all": {
        "1": "COMPLETED", "2": "COMPLETED", "4": "QUEUED", **ARRAY,
        "7": "QUEUED", "8": "QUEUED", "5": "HELD", "3": "RUNNING",
    },
    "squeue_dbd_down": dict.fromkeys(["7", "8", "14", "13"], "QUEUED"),
    "squeue_known_unknown": {"3": "RUNNING"},
    "squeue_start": {
        "4": "QUEUED", **ARRAY, "7": "QUEUED",
        "5": "HELD", "8": "QUEUED",
    },
}  # fmt: skip
NO_ROWS = {"squeue_empty", "squeue_two_unknown"}
ENDED = {
    "1": "COMPLETED", "2": "COMPLETED", "3": "CANCELLED", "4": "CANCELLED", "5": "COMPLETED",
    "6_0": "COMPLETED", "6_1": "COMPLETED", "6_2": "COMPLETED", "15": "COMPLETED", "16": "FAILED",
}  # fmt: skip
BY_RAW_ID = {{"6_0": "11", "6_1": "12", "6_2": "6"}.get(id, id): end for id, end in ENDED.items()}
WAITING = {"13": "QUEUED", "14": "QUEUED"}
ACCOUNTED = {
    "sacct_all": {**ENDED, **WAITING, "17": "TIMEOUT"},
    "sacct_now": {**ENDED, **WAITING, "17": "RUNNING"},
    "sacct_by_name": {"3": "CANCELLED"},
    "sacct_epoch": {**BY_RAW_ID, **WAITING, "17": "TIMEOUT"},
    "sacct_timeout": {"17": "TIMEOUT"},
    "sacct_unknown": {},
    "sacct_steps": {},  # asked for with steps, which have no name
}
TESTED_BELOW = {
    "squeue_default", "sbatch_test_only", "sbatch_test_only_impossible", "sinfo_format",
    "sinfo_summary",
    "squeue_json", "sacct_json", "scontrol_job_failed", "scontrol_job_pending",
    "scontrol_job_running", "sinfo_json", "scontrol_ping", "version",
}  # fmt: skip


class TestSlurm(RecordedContract):
    system = SYSTEM
    dialect = DIALECT
    accepted: ClassVar[Mapping[str, str]] = {
        "sbatch_array": "6", "sbatch_begin": "7", "sbatch_dependency": "8", "sbatch_fail": "16",
        "sbatch_hold": "5", "sbatch_ok": "1", "sbatch_over": "17", "sbatch_queued": "4",
        "sbatch_time_over_limit": "13", "sbatch_token": "3",
    }  # fmt: skip
    refused: ClassVar[Mapping[str, str]] = {
        "sbatch_bad_partition": "Invalid partition name",
        "sbatch_bad_distribution": "With Arbitrary distribution you need to specify a nodelist",
        "sbatch_bad_exclude_file": "error opening file /nonexistent/nodes",
        "sbatch_bad_export_file": "Could not open user environment file",
        "sbatch_bad_flag": "unrecognized option '--nope'",
        "sbatch_bad_gres": "Invalid GRES specification",
        "sbatch_bad_hint": 'unrecognized --hint argument "foo"',
        "sbatch_bad_memory_twice": "are mutually exclusive",
        "sbatch_bad_no_value": "requires an argument",
        "sbatch_bad_node_info": "Numeric argument (99999999999) to big",
        "sbatch_bad_nodes": '"foo" is not a valid node count',
        "sbatch_bad_nodes_range": "Maximum node count 2 is less than minimum",
        "sbatch_bad_priority": "Priority must be >= 0",
        "sbatch_bad_profile": "invalid --profile=foo option",
        "sbatch_bad_propagate": "Bad rlimit name: foo",
        "sbatch_bad_tasks": 'Invalid numeric value "four" for --ntasks',
        "sbatch_bad_tasks_twice": "is mutually exclusive with --ntasks-per-gpu",
        "sbatch_bad_time": "Invalid --time",
        "sbatch_missing": "Unable to open file",
        "sbatch_no_shebang": "does not look like a batch script",
    }
    doubtful: ClassVar[Mapping[str, str]] = {
        "sbatch_ctld_down": "Unable to contact slurm controller",
        # Not what `--parsable` answers: nobody reads an id out of prose.
        "sbatch_plain": "Submitted batch job 2",
        "sbatch_bad_account": "Submitted batch job 15",
        "sbatch_too_many_nodes": "Submitted batch job 14",
    }
    fails: ClassVar[Mapping[str, tuple[Command[object], str]]] = {
        "squeue_ctld_down": (DIALECT.jobs(TOKENS), "Unable to contact slurm controller"),
        "squeue_unknown_one": (DIALECT.jobs(TOKENS), "Invalid job id"),
        "sacct_dbd_down": (DIALECT.history(TOKENS), "Problem talking to the database"),
        "scancel_malformed": (DIALECT.cancel(Token("v1"), None), "Invalid job id"),
        "scontrol_unknown": (DIALECT.hold(Token("v1")), "Invalid job id"),
        "scontrol_ping_down": (DIALECT.hold(Token("v1")), "DOWN"),
    }
    taken: ClassVar[Set[str]] = {
        "scancel_queued",
        "scancel_running",
        "scancel_unknown",
        "scontrol_release",
    }
    others = {*QUEUED, *NO_ROWS, *ACCOUNTED} | TESTED_BELOW


def answer(name: str) -> Completed:
    return recorded(SYSTEM, name).completed


def as_asked(name: str) -> Completed:
    """An answer of squeue in the columns of `Jobs`; without names they are all ours."""
    lines = []
    for row in fields(recorded(SYSTEM, name)):
        known = {COLUMNS[letter]: value for letter, value in row.items() if letter in COLUMNS}
        known = {"Name": "v", "State": "PENDING", **known}
        known["State"] = LONG.get(known["State"], known["State"])
        known["BatchHost"] = "n/a" if known["State"] == "PENDING" else "nid0001"
        lines.append("".join(known.get(field, "") + "\x1f" for field in QUEUE_FIELDS) + "\n")
    return Completed(0, "".join(lines), "")


def in_short(reports: list[JobReport]) -> dict[str, str]:
    return {str(r.job_id): str(r.state) for r in reports}


@pytest.mark.parametrize("name", ["sbatch_bad_hint", "sbatch_bad_memory_twice"])
def test_what_is_said_of_options_by_an_sbatch_that_went_on_proves_nothing(name: str) -> None:
    said = answer(name).stderr
    for killed in (
        Completed(1, "", said + answer("sbatch_ctld_down").stderr),
        Completed(124, "", said),
    ):
        with pytest.raises(InDoubt):
            DIALECT.submit(REQUEST, 1).parse(killed)


@pytest.mark.parametrize("name", QUEUED)
def test_jobs_in_the_queue(name: str) -> None:
    assert in_short(DIALECT.jobs(TOKENS).parse(as_asked(name))) == QUEUED[name]


def test_a_token_is_found_by_its_name_alone() -> None:
    reports = DIALECT.jobs([Token("vestec-6f1d2c1e")]).parse(as_asked("squeue_format"))
    assert in_short(reports) == {"3": "RUNNING"}


def test_the_queue_tells_when_a_job_is_expected_to_start_or_did() -> None:
    found = DIALECT.jobs(TOKENS).parse(as_asked("squeue_epoch"))
    reports = {str(report.job_id): report for report in found}
    assert (reports["4"].expected, reports["4"].started) == (1795461308, None)
    assert (reports["8"].expected, reports["8"].started) == (None, None)
    assert (reports["3"].expected, reports["3"].started) == (None, 1795460708)


@pytest.mark.parametrize("name", sorted(NO_ROWS))
def test_no_jobs(name: str) -> None:
    assert DIALECT.jobs(TOKENS).parse(answer(name)) == []


def test_columns_that_were_not_asked_for_are_no_answer() -> None:
    """As of a Slurm that knows no separators."""
    with pytest.raises(NotUnderstood, match="JOBID PARTITION"):
        DIALECT.jobs(TOKENS).parse(answer("squeue_default"))


@pytest.mark.parametrize("name", ACCOUNTED)
def test_accounts(name: str) -> None:
    names = {"JobIDRaw": "JobID"}
    lines = []
    for row in fields(recorded(SYSTEM, name)):
        known = {"JobName": "v", **{names.get(k, k): v for k, v in row.items()}, **row}
        known["JobID"] = row.get("JobID") or row["JobIDRaw"]
        if name == "sacct_steps":
            known["JobName"] = ""
        lines.append("\x1f".join(known.get(field, "") for field in ACCOUNT_FIELDS))
    reports = DIALECT.history(TOKENS).parse(Completed(0, "\n".join(lines), ""))
    assert in_short(reports) == ACCOUNTED[name]


def test_accounts_tell_exit_codes_and_who_cancelled() -> None:
    rows = [dict(row) for row in fields(recorded(SYSTEM, "sacct_all"))]
    rows = [{**row, "NodeList": "nid0001"} for row in rows]
    lines = ["\x1f".join(row.get(field, "") for field in ACCOUNT_FIELDS) for row in rows]
    found = DIALECT.history(TOKENS).parse(Completed(0, "\n".join(lines), ""))
    reports = {report.job_id: report for report in found}
    assert reports[JobId("16")].exit_code == 3
    assert reports[JobId("3")].reason == "CANCELLED by 1002"


def test_instances_of_an_array_are_told_apart() -> None:
    waiting = DIALECT.jobs(TOKENS).parse(as_asked("squeue_format"))
    assert [report.instance for report in waiting if report.job_id in ARRAY] == [0, 1, 2]
    assert {report.instance for report in waiting if report.job_id not in ARRAY} == {None}
    [row] = [row for row in as_asked("squeue_format").stdout.splitlines() if row.startswith("6_")]
    some = Completed(0, row.replace("6_[0-2]", "6_[1,3-7:2%4]"), "")
    assert [report.instance for report in DIALECT.jobs(TOKENS).parse(some)] == [1, 3, 5, 7]


def test_instances_that_were_cancelled_before_they_started_share_a_row() -> None:
    row = ["6_[1-2]", "ok", "CANCELLED by 1002", "None", "Unknown", "7", "None assigned", "0:0"]
    reports = DIALECT.history(TOKENS).parse(Completed(0, "\x1f".join(row), ""))
    assert [(report.part, report.state) for report in reports] == [
        ("ok.1", JobState.CANCELLED),
        ("ok.2", JobState.CANCELLED),
    ]


def test_estimates() -> None:
    estimate = DIALECT.estimate(REQUEST)
    said = answer("sbatch_test_only")
    as_asked = Completed(0, "", said.stderr.replace("2026-11-23T19:55:07", "1795463707"))
    assert estimate.parse(as_asked) == Estimate(start=1795463707)
    assert "not available" in estimate.parse(answer("sbatch_test_only_impossible")).impossible


def test_nobody_knows_when_a_job_would_start_while_the_controller_is_down() -> None:
    with pytest.raises(CommandFailed, match="Unable to contact"):
        DIALECT.estimate(REQUEST).parse(answer("sbatch_ctld_down"))


@pytest.mark.parametrize(
    "said",
    [
        "allocation failure: Socket timed out on send/recv operation",
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\n"
        "allocation failure: Job violates accounting/QOS policy (job submit limit)",
        "allocation failure: Required node not available (down, drained or reserved)",
        "allocation failure: something that nobody has heard before",
    ],
)
def test_a_job_that_is_not_refused_for_good_may_start_though_nobody_knows_when(said: str) -> None:
    with pytest.raises(CommandFailed):
        DIALECT.estimate(REQUEST).parse(Completed(1, "", said))


@pytest.mark.parametrize("refused", ["sbatch_bad_partition", "sbatch_bad_time"])
def test_a_job_that_is_refused_for_good_would_never_start(refused: str) -> None:
    found = DIALECT.estimate(REQUEST).parse(answer(refused))
    assert found.impossible == answer(refused).stderr.strip()


def test_load_counts_nodes_once_and_knows_the_limits_of_partitions() -> None:
    rows = [*fields(recorded(SYSTEM, "sinfo_format"))]
    assert answer("sinfo_summary").stdout.count("1/0/0/1 nid0001") == len(rows) == 2
    nodes = "\x1f".join(["nodes", rows[0]["%t"], rows[0]["%D"], rows[0]["%C"]])
    partitions = [
        "\x1f".join(["partitions", *[row[f].strip("*") for f in ("%P", "%a", "%l", "%D")]])
        for row in rows
    ]
    jobs = [
        "jobs\x1fstandard\x1fRUNNING",
        "jobs\x1fstandard\x1fPENDING",
        "jobs\x1furgent,standard\x1fPENDING",
    ]
    load = DIALECT.load().parse(Completed(0, "\n".join([nodes, *partitions, *jobs]), ""))
    assert (load.nodes, load.nodes_used, load.slots, load.slots_used) == (1, 1, 2, 2)
    assert (load.running, load.queued) == (1, 2)
    assert [(q.name, q.walltime, q.queued) for q in load.queues] == [
        ("standard", 86400, 2),
        ("urgent", 3600, 1),
    ]
    state = json.loads(answer("sinfo_json").stdout)["nodes"][0]
    assert (state["state"], state["alloc_cpus"]) == ("allocated", load.slots_used)


@pytest.mark.parametrize(
    ("clock", "limit"),
    [("infinite", None), ("1:00", 60), ("1:00:00", 3600), ("2-01:00:00", 176400), ("n/a", None)],
)
def test_time_limits(clock: str, limit: int | None) -> None:
    assert seconds(clock) == limit


@pytest.mark.parametrize("name", ["squeue_json", "sacct_json"])
def test_every_word_for_a_state_is_known(name: str) -> None:
    jobs = json.loads(answer(name).stdout)["jobs"]
    words = {job["job_state"] if "job_state" in job else job["state"]["current"] for job in jobs}
    assert words
    assert words <= QUEUE.keys() | ACCOUNTS.keys()


@pytest.mark.parametrize(
    ("name", "state", "restarts"),
    [
        ("scontrol_job_failed", JobState.FAILED, "0"),
        ("scontrol_job_pending", JobState.QUEUED, "0"),
        ("scontrol_job_running", JobState.RUNNING, "0"),
    ],
)
def test_what_scontrol_tells_in_its_own_form(name: str, state: JobState, restarts: str) -> None:
    words = dict(word.split("=", 1) for word in answer(name).stdout.split() if "=" in word)
    row = {"JobArrayID": words["JobId"], "Name": "v", "State": words["JobState"]}
    row |= {"Reason": words["Reason"], "RestartCnt": words["Restarts"]}
    line = "".join(row.get(field, "") + "\x1f" for field in QUEUE_FIELDS)
    [report] = DIALECT.jobs(TOKENS).parse(Completed(0, line, ""))
    assert (report.state, report.attempt) == (state, 1)
    assert words["Restarts"] == restarts


def test_a_requeued_job_is_at_its_next_attempt() -> None:
    line = "\x1f".join(["7", "v", "PENDING", "BeginTime", "N/A", "N/A", "n/a", "2", "0", "\n"])
    [report] = DIALECT.jobs(TOKENS).parse(Completed(0, line, ""))
    assert (report.state, report.attempt) == (JobState.QUEUED, 3)


def test_a_word_that_nobody_knows_is_shown() -> None:
    line = "\x1f".join(["7", "v", "DREAMING", "None", "N/A", "N/A", "n/a", "0", "0", "\n"])
    [report] = DIALECT.jobs(TOKENS).parse(Completed(0, line, ""))
    assert report.unknown == "DREAMING"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("Priority", Waiting.NORMAL),
        ("Resources", Waiting.NORMAL),
        ("ReqNodeNotAvail,_UnavailableNodes:n[1-9]", Waiting.NORMAL),
        ("ReqNodeNotAvail,_Reserved_for_maintenance", Waiting.MAINTENANCE),
        ("PartitionDown", Waiting.MAINTENANCE),
        ("ReservationDeleted", Waiting.NEEDS_A_HUMAN),
        ("PartitionTimeLimit", Waiting.IMPOSSIBLE),
        ("PartitionConfig", Waiting.IMPOSSIBLE),
        ("PartitionNodeLimit", Waiting.IMPOSSIBLE),
        ("QOSMaxWallDurationPerJobLimit", Waiting.IMPOSSIBLE),
        ("AssocMaxJobsLimit", Waiting.NORMAL),
        ("DependencyNeverSatisfied", Waiting.IMPOSSIBLE),
    ],
)
def test_reasons_to_wait_are_sorted(reason: str, kind: Waiting) -> None:
    line = "\x1f".join(["7", "v", "PENDING", reason, "N/A", "N/A", "n/a", "0", "0", "\n"])
    [report] = DIALECT.jobs(TOKENS).parse(Completed(0, line, ""))
    assert (report.waiting, report.reason) == (kind, reason)


def test_a_held_job_needs_a_human() -> None:
    line = "\x1f".join(["7", "v", "PENDING", "JobHeldAdmin", "N/A", "N/A", "n/a", "0", "0", "\n"])
    [report] = DIALECT.jobs(TOKENS).parse(Completed(0, line, ""))
    assert (report.state, report.waiting) == (JobState.HELD, Waiting.NEEDS_A_HUMAN)


@pytest.mark.parametrize(
    ("word", "state", "reason"),
    [
        ("FAILED", JobState.FAILED, ""),
        ("TIMEOUT", JobState.TIMEOUT, ""),
        ("OUT_OF_MEMORY", JobState.FAILED, "OUT_OF_MEMORY"),
        ("NODE_FAIL", JobState.FAILED, "NODE_FAIL"),
        ("PREEMPTED", JobState.FAILED, "PREEMPTED"),
        ("DEADLINE", JobState.TIMEOUT, "DEADLINE"),
        ("CANCELLED by 1000", JobState.CANCELLED, "CANCELLED by 1000"),
    ],
)
def test_an_end_is_told_with_its_word_where_that_says_more(
    word: str, state: JobState, reason: str
) -> None:
    line = "\x1f".join(["7", "v", word, "None", "1", "2", "n1", "0:9"])
    [report] = DIALECT.history(TOKENS).parse(Completed(0, line, ""))
    assert (report.state, report.reason, report.exit_code) == (state, reason, 137)


def test_the_controller_answers_when_it_is_up() -> None:
    assert answer("scontrol_ping").exit_status == 0
    assert answer("version").stdout.split() == ["slurm-wlm", "22.05.8"]
