"""What a Son of Grid Engine 8.1.9 answered, and what the dialect makes of it: every file."""

from collections.abc import Mapping, Set
from pathlib import PurePosixPath
from typing import ClassVar

import pytest

from events.jobs import JobReport, JobState, Token, Waiting
from interfaces.machines.connection import Completed, MachineError, NotUnderstood
from interfaces.machines.dialect import Command, Estimate
from interfaces.machines.dialects.sge import GridEngine
from interfaces.machines.scripts.layout import Layout
from tests.interfaces.machines.recorded_contract import REQUEST, RecordedContract
from tests.interfaces.machines.recordings import recorded

SYSTEM = "sge-8.1.9"
DIALECT = GridEngine(Layout(PurePosixPath("/base")))
TOKENS = [Token(name) for name in ("ok", "fail", "over", "long", "vestec-6f1d2c1e")]

QUEUED = {
    "qstat_xml_mixed": {
        "2": "RUNNING", "3": "QUEUED", "1": "QUEUED", "4": "HELD", "6": "HELD",
        "5.1": "QUEUED", "5.2": "QUEUED", "5.3": "QUEUED",
    },
    "qstat_f_xml": {"12": "RUNNING", "10": "QUEUED"},
    "qstat_xml_empty": {},
}  # fmt: skip
ACCOUNTED = {
    "qacct_array": {"5.1": "COMPLETED 0", "5.2": "COMPLETED 0", "5.3": "COMPLETED 0"},
    "qacct_by_name": {"2": "CANCELLED 137"},
    "qacct_cancelled": {"2": "CANCELLED 137"},
    "qacct_failed": {"11": "FAILED 3"},
    "qacct_ok": {"1": "COMPLETED 0"},
    "qacct_over": {"12": "TIMEOUT 137"},
}
NOT_ASKED = {
    # Forms for people, who may cut names, and questions about one job.
    "qstat_empty", "qstat_g_c", "qstat_j", "qstat_j_xml", "qstat_later", "qstat_mixed", "qhost_xml",
    "version",
}  # fmt: skip


class TestGridEngine(RecordedContract):
    system = SYSTEM
    dialect = DIALECT
    accepted: ClassVar[Mapping[str, str]] = {
        "qsub_array": "5", "qsub_fail": "11", "qsub_hold": "4", "qsub_hold_jid": "6",
        "qsub_ok": "1", "qsub_over": "12", "qsub_queued": "3", "qsub_token": "2",
        "qsub_too_many_slots": "10",
    }  # fmt: skip
    refused: ClassVar[Mapping[str, str]] = {
        "qsub_bad_binding": "-binding option contains errors",
        "qsub_bad_checkpoint": "-c specifier invalid",
        "qsub_bad_concurrency": "invalid task concurrency number",
        "qsub_bad_date": "Wrong date/time format",
        "qsub_bad_list": "Wrong jid_hold list format",
        "qsub_bad_month": "Invalid month specification",
        "qsub_bad_name": "must not contain /",
        "qsub_bad_option": "invalid option argument",
        "qsub_bad_priority": "invalid priority",
        "qsub_bad_queue": "unknown queue",
        "qsub_bad_reservation": "invalid advance reservation id",
        "qsub_bad_resource": "unknown resource",
        "qsub_bad_slots": "Numerical value invalid!",
        "qsub_bad_time": "not a time value",
        "qsub_bad_verifier": "not executable",
        "qsub_missing": "No such file",
    }
    doubtful: ClassVar[Mapping[str, str]] = {
        "qsub_master_down": "unable to send message to qmaster"
    }
    fails: ClassVar[Mapping[str, tuple[Command[object], str]]] = {
        "qstat_master_down": (DIALECT.jobs(TOKENS), "Connection refused"),
        "qacct_unknown": (DIALECT.history(TOKENS), "not found"),
        "qstat_j_unknown": (DIALECT.jobs(TOKENS), "do not exist"),
    }
    taken: ClassVar[Set[str]] = {"qdel_queued", "qdel_running", "qdel_unknown", "qrls"}
    others = {*QUEUED, *ACCOUNTED} | NOT_ASKED


def answer(name: str) -> Completed:
    return recorded(SYSTEM, name).completed


def in_short(reports: list[JobReport]) -> dict[str, str]:
    return {
        str(r.job_id): str(r.state) + ("" if r.exit_code is None else f" {r.exit_code}")
        for r in reports
    }


@pytest.mark.parametrize("name", QUEUED)
def test_jobs_in_the_queue(name: str) -> None:
    assert in_short(DIALECT.jobs(TOKENS).parse(answer(name))) == QUEUED[name]


def test_a_token_is_found_by_its_whole_name_alone() -> None:
    [report] = DIALECT.jobs([Token("vestec-6f1d2c1e")]).parse(answer("qstat_xml_mixed"))
    assert (report.job_id, report.host, report.started) == ("2", "vm", 1795461007)
    assert DIALECT.jobs([Token("vestec-6f1")]).parse(answer("qstat_xml_mixed")) == []


def test_nothing_at_all_is_no_answer() -> None:
    """Without `-xml` it would be the answer that there are no jobs."""
    with pytest.raises(Exception, match="no element found"):
        DIALECT.jobs(TOKENS).parse(answer("qstat_empty"))


@pytest.mark.parametrize("name", ACCOUNTED)
def test_accounts(name: str) -> None:
    assert in_short(DIALECT.history(TOKENS).parse(answer(name))) == ACCOUNTED[name]


def test_accounts_tell_when_and_why() -> None:
    [report] = DIALECT.history(TOKENS).parse(answer("qacct_over"))
    assert (report.started, report.ended) == (1795461067, 1795461078)
    assert "limit" in report.reason


def test_no_accounts_since_is_no_job() -> None:
    nobody = "OWNER  WALLCLOCK  UTIME\n==========================\n"
    assert DIALECT.history(TOKENS).parse(Completed(0, nobody, "")) == []


def test_a_site_where_nothing_ever_ended_has_no_accounts() -> None:
    never = Completed(1, "no jobs running since startup\n", "accounting: No such file\n")
    assert DIALECT.history(TOKENS).parse(never) == []
    cancelled = Completed(1, f"no jobs running since startup\ndeleted\x1f{TOKENS[0]}\n", "")
    (report,) = DIALECT.history(TOKENS).parse(cancelled)
    assert (report.token, report.state) == (TOKENS[0], JobState.CANCELLED)


def test_accounts_of_nobody_knows_what_are_no_answer() -> None:
    with pytest.raises(NotUnderstood, match="neither jobs nor"):
        DIALECT.history(TOKENS).parse(Completed(0, "", ""))


def test_instances_of_an_array_begin_at_0() -> None:
    waiting = DIALECT.jobs(TOKENS).parse(answer("qstat_xml_mixed"))
    ended = DIALECT.history(TOKENS).parse(answer("qacct_array"))
    for reports in (waiting, ended):
        array = {report.job_id: report.part for report in reports if report.instance is not None}
        assert array == {"5.1": "ok.0", "5.2": "ok.1", "5.3": "ok.2"}


def test_a_run_of_an_instance_that_was_rescheduled_counts_for_it_alone() -> None:
    once = answer("qacct_array").stdout
    first = once[: once.index("jobname", once.index("jobname") + 1)].rpartition("=\nqname")[0]
    again = first.replace("failed       0    ", "failed       25  : rescheduling")
    reports = DIALECT.history(TOKENS).parse(Completed(0, f"{again}\n{once}", ""))
    assert [report.attempt for report in reports] == [2, 1, 1]


def test_a_job_that_was_deleted_before_it_started_is_cancelled() -> None:
    nobody = "OWNER  WALLCLOCK  UTIME\n==========================\n"
    [report] = DIALECT.history(TOKENS).parse(Completed(0, f"{nobody}deleted\x1fok\n", ""))
    assert (report.token, report.state) == ("ok", JobState.CANCELLED)


def test_a_run_that_was_rescheduled_is_no_end_and_counts() -> None:
    once = answer("qacct_ok").stdout
    again = once.replace("failed       0    ", "failed       25  : rescheduling")
    [report] = DIALECT.history(TOKENS).parse(Completed(0, again + once, ""))
    assert (report.state, report.attempt) == (JobState.COMPLETED, 2)


def test_a_wish_that_nobody_took_is_an_error() -> None:
    with pytest.raises(MachineError):
        DIALECT.cancel(Token("v1"), None).parse(answer("qstat_master_down"))


@pytest.mark.parametrize(
    ("word", "state", "waiting", "attempt"),
    [
        ("Eqw", JobState.HELD, Waiting.NEEDS_A_HUMAN, 1),
        ("hqw", JobState.HELD, Waiting.NEEDS_A_HUMAN, 1),
        ("Rr", JobState.RUNNING, None, 2),
        ("Rqw", JobState.QUEUED, Waiting.NORMAL, 2),
        ("dr", JobState.RUNNING, None, 1),
        ("S", JobState.RUNNING, None, 1),
    ],
)
def test_letters_of_states(
    word: str, state: JobState, waiting: Waiting | None, attempt: int
) -> None:
    text = answer("qstat_xml_mixed").stdout.replace("<state>r</state>", f"<state>{word}</state>")
    [report] = DIALECT.jobs([Token("vestec-6f1d2c1e")]).parse(Completed(0, text, ""))
    assert (report.state, report.waiting, report.attempt) == (state, waiting, attempt)


def test_a_job_that_waits_for_another_is_held_by_that() -> None:
    """As `qstat -r` tells, which was not recorded."""
    waits = "<state>hqw</state><predecessor_jobs>1</predecessor_jobs>"
    text = answer("qstat_xml_mixed").stdout.replace("<state>r</state>", waits)
    [report] = DIALECT.jobs([Token("vestec-6f1d2c1e")]).parse(Completed(0, text, ""))
    assert (report.state, report.waiting) == (JobState.HELD, Waiting.NORMAL)


def test_a_word_that_nobody_knows_is_shown() -> None:
    text = answer("qstat_xml_mixed").stdout.replace("<state>r</state>", "<state>xyz</state>")
    [report] = DIALECT.jobs([Token("vestec-6f1d2c1e")]).parse(Completed(0, text, ""))
    assert report.unknown == "xyz"


def test_load() -> None:
    load = DIALECT.load().parse(answer("qstat_f_xml"))
    assert (load.nodes, load.nodes_used, load.slots, load.slots_used) == (1, 1, 2, 1)
    assert (load.running, load.queued) == (1, 1)
    assert [(queue.name, queue.running) for queue in load.queues] == [("all.q", 1)]
    summary = answer("qstat_g_c").stdout.split()
    assert summary[-7:-2] == ["0.10", "1", "0", "1", "2"]


def test_nobody_tells_when_a_job_would_start() -> None:
    assert DIALECT.estimate(REQUEST).parse(Completed(0, "", "")) == Estimate()


def test_the_recorded_forms_for_people_cut_names_and_so_are_not_asked() -> None:
    assert "vestec-6f1 " in answer("qstat_mixed").stdout
    assert "64" in answer("qstat_later").stdout
    assert "vestec-6f1d2c1e" in answer("qstat_j").stdout
    assert "<JB_job_name>vestec-6f1d2c1e<" in answer("qstat_j_xml").stdout
    assert "num_proc" in answer("qhost_xml").stdout
    assert answer("version").stdout == "SGE 8.1.9\n"
