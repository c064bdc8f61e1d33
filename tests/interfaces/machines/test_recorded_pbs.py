"""What an OpenPBS 23.06 answered, and what the dialect makes of it: every file."""

import json
from collections.abc import Mapping, Set
from pathlib import PurePosixPath
from typing import Any, ClassVar

import pytest

from events.jobs import JobReport, JobState, Token, Waiting
from interfaces.machines.connection import Completed
from interfaces.machines.dialect import Command, Estimate
from interfaces.machines.dialects.asking import SEPARATOR
from interfaces.machines.dialects.pbs import Pbs
from interfaces.machines.scripts.layout import Layout
from tests.interfaces.machines.recorded_contract import REQUEST, RecordedContract
from tests.interfaces.machines.recordings import recorded

SYSTEM = "openpbs-23.06"
DIALECT = Pbs(Layout(PurePosixPath("/base")))
TOKEN = Token("vestec-6f1d2c1e-9a36-4f2a")
TOKENS = [TOKEN, *(Token(name) for name in ("ok", "fail", "over", "long", "big", "vestec-test"))]

QUEUED = {
    "qstat_json_mixed": {
        "1.vm": "RUNNING", "2.vm": "RUNNING", "3.vm": "QUEUED normal", "4.vm": "HELD needs a human",
    },
    "qstat_t_json": {
        "1.vm": "RUNNING", "2.vm": "RUNNING", "3.vm": "QUEUED normal", "4.vm": "HELD needs a human",
        "5[0].vm": "QUEUED normal", "5[1].vm": "QUEUED normal",
        "5[2].vm": "QUEUED normal",
    },
    "qstat_json_empty": {},
    "qstat_empty": {},
    # Its exit status is 153, because it was asked for an id that nobody knows as well.
    "qstat_known_and_unknown": {"2.vm": "RUNNING"},
    "qstat_unknown_id": {},
    "qstat_x_json_finished": {"7.vm": "QUEUED impossible"},
}  # fmt: skip
ACCOUNTED = {
    "0.vm": "COMPLETED 0", "1.vm": "COMPLETED 0", "2.vm": "CANCELLED 143", "3.vm": "CANCELLED 143",
    "4.vm": "COMPLETED 0", "8.vm": "CANCELLED None", "9.vm": "FAILED 3",
    "10.vm": "TIMEOUT -29",
}  # fmt: skip
TESTED_BELOW = {
    "pbs_version", "pbsnodes_json", "pbsnodes_s", "qselect_by_name", "qselect_by_name_none",
    "qstat_B_json", "qstat_Q_json", "qstat_T", "qstat_full_text", "qstat_mixed", "qstat_x_H",
}  # fmt: skip


class TestPbs(RecordedContract):
    system = SYSTEM
    dialect = DIALECT
    accepted: ClassVar[Mapping[str, str]] = {
        "qsub_array": "5[].vm", "qsub_depend": "8.vm", "qsub_fail": "9.vm", "qsub_hold": "4.vm",
        "qsub_long": "2.vm", "qsub_ok": "1.vm", "qsub_over": "10.vm", "qsub_queued": "3.vm",
        "qsub_too_big": "7.vm",
    }  # fmt: skip
    refused: ClassVar[Mapping[str, str]] = {
        "qsub_bad_select": "Illegal attribute",
        "qsub_bad_walltime": "Illegal attribute",
        "qsub_missing_script": "No such file",
        "qsub_unknown_queue": "Unknown queue",
    }
    doubtful: ClassVar[Mapping[str, str]] = {"qsub_server_down": "cannot connect to server"}
    fails: ClassVar[Mapping[str, tuple[Command[object], str]]] = {
        "qstat_server_down": (DIALECT.jobs(TOKENS), "cannot connect to server"),
    }
    taken: ClassVar[Set[str]] = {
        "qdel_finished",
        "qdel_queued",
        "qdel_running",
        "qdel_unknown",
        "qrls",
    }
    others = {*QUEUED} | TESTED_BELOW


def answer(name: str) -> Completed:
    return recorded(SYSTEM, name).completed


@pytest.mark.parametrize("name", QUEUED)
def test_jobs_on_the_server(name: str) -> None:
    reports = DIALECT.jobs(TOKENS).parse(answer(name))
    told = {str(r.job_id): f"{r.state} {r.waiting or ''}".strip() for r in reports}
    assert told == QUEUED[name]


def test_a_token_is_found_by_its_whole_name_alone() -> None:
    [report] = DIALECT.jobs([TOKEN]).parse(answer("qstat_json_mixed"))
    assert (report.job_id, report.host, report.started) == ("2.vm", "vm", 1795460533)
    assert DIALECT.jobs([Token("vestec-6f1d2c1")]).parse(answer("qstat_json_mixed")) == []


def test_instances_of_an_array_are_told_apart() -> None:
    reports = DIALECT.jobs(TOKENS).parse(answer("qstat_t_json"))
    array = {report.part: report.job_id for report in reports if report.instance is not None}
    assert array == {"ok.0": "5[0].vm", "ok.1": "5[1].vm", "ok.2": "5[2].vm"}


def test_history_of_an_array() -> None:
    """One instance is over while others are not."""
    said = json.loads(answer("qstat_t_json").stdout)
    over = {"job_state": "X", "Exit_status": 3, "substate": 153}
    said["Jobs"]["5[1].vm"] |= over
    [report] = DIALECT.history(TOKENS).parse(Completed(0, json.dumps(said), ""))
    assert (report.part, report.state, report.exit_code) == ("ok.1", JobState.FAILED, 3)


def test_history() -> None:
    reports = DIALECT.history(TOKENS).parse(answer("qstat_x_json_finished"))
    assert {str(r.job_id): f"{r.state} {r.exit_code}" for r in reports} == ACCOUNTED
    reasons = {str(r.job_id): r.reason for r in reports}
    assert "exceeded resource walltime" in reasons["10.vm"]
    assert "terminated by hpcuser@vm" in reasons["2.vm"]


def test_history_of_jobs_that_are_not_over_is_the_queues_business() -> None:
    assert DIALECT.history(TOKENS).parse(answer("qstat_json_mixed")) == []


def changed(**values: Any) -> JobReport:
    """The queued job of the recording, with other values."""
    said = json.loads(answer("qstat_json_mixed").stdout)
    job = {**said["Jobs"]["3.vm"], **values}
    text = json.dumps({"Jobs": {"3.vm": job}})
    [report] = DIALECT.jobs(TOKENS).parse(Completed(0, text, ""))
    return report


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"comment": "Not Running: Insufficient amount of resource: ncpus"}, Waiting.NORMAL),
        ({"comment": "Can Never Run: can't fit in the largest placement set"}, Waiting.IMPOSSIBLE),
        ({"comment": "Not Running: Queue not started."}, Waiting.MAINTENANCE),
        ({"comment": "job held, too many failed attempts to run"}, Waiting.NEEDS_A_HUMAN),
        ({"job_state": "H", "Hold_Types": "s", "depend": "afterok:2.vm@vm"}, Waiting.NORMAL),
        ({"job_state": "H", "Hold_Types": "s"}, Waiting.NEEDS_A_HUMAN),
        ({"job_state": "H", "Hold_Types": "o", "depend": "afterok:2.vm"}, Waiting.NEEDS_A_HUMAN),
    ],
)
def test_reasons_to_wait_are_sorted(values: dict[str, str], kind: Waiting) -> None:
    assert changed(**values).waiting == kind


def test_a_requeued_job_is_at_its_next_attempt() -> None:
    assert changed(run_count=2).attempt == 3
    assert changed(run_count=2, job_state="R").attempt == 2


def test_a_word_that_nobody_knows_is_shown() -> None:
    assert changed(job_state="M").unknown == "M"


@pytest.mark.parametrize("start", [1795463707, "Mon Nov 23 19:55:07 2026"])
def test_when_the_server_expects_to_start_it(start: object) -> None:
    assert changed(estimated={"start_time": start}).expected == 1795463707


def test_load() -> None:
    parts = [answer("qstat_Q_json").stdout, answer("pbsnodes_json").stdout]
    load = DIALECT.load().parse(Completed(0, f"{SEPARATOR}\n".join(parts), ""))
    assert (load.nodes, load.nodes_used, load.slots, load.slots_used) == (1, 0, 2, 0)
    assert (load.running, load.queued) == (0, 1)
    assert [(queue.name, queue.open) for queue in load.queues] == [("workq", True)]
    assert json.loads(answer("qstat_B_json").stdout)["Server"]["vm"]["total_jobs"] == 13


def test_nobody_tells_when_a_job_would_start() -> None:
    assert DIALECT.estimate(REQUEST).parse(Completed(0, "", "")) == Estimate()


def test_a_name_is_looked_up_and_only_then_asked_about() -> None:
    assert answer("qselect_by_name").stdout == "2.vm\n"
    assert answer("qselect_by_name_none") == Completed(0, "", "")


def test_the_recorded_forms_for_people_cut_names_and_so_are_not_asked() -> None:
    assert "vestec-6f1d2c1e* " in answer("qstat_mixed").stdout
    assert "vestec-6f* " in answer("qstat_T").stdout
    assert "vestec-6f1d2c1* " in answer("qstat_x_H").stdout
    assert "VESTEC_TO\n\tKEN" in answer("qstat_full_text").stdout
    assert "2/2" in answer("pbsnodes_s").stdout
    assert answer("pbs_version").stdout == "pbs_version = 23.06.06\n"


def test_states_of_jobs_that_go_through_other_states() -> None:
    assert changed(job_state="W").state == JobState.QUEUED
    assert changed(job_state="S").state == JobState.RUNNING
