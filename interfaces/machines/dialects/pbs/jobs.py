"""What PBS says of jobs: those of its server, and those in its history.

Of an array every instance has a row, `5[0].server`; that of `5[].server` says nothing more.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from events.jobs import JobId, JobReport, JobState, Token, Waiting, Witness
from interfaces.machines.connection import CommandFailed, Completed
from interfaces.machines.dialects.asking import moment

GONE = ("Unknown Job Id", "Job has finished")

_STATES = {
    "B": JobState.RUNNING,
    "E": JobState.RUNNING,
    "H": JobState.HELD,
    "Q": JobState.QUEUED,
    "R": JobState.RUNNING,
    "S": JobState.RUNNING,
    "T": JobState.QUEUED,
    "U": JobState.RUNNING,
    "W": JobState.QUEUED,
}
_FINISHED = ("F", "X")
_DELETED = 91
"""A substate: it ended because somebody deleted it."""
_OVER_WALLTIME = -29
_SIGNALS = 256
"""What is added to the number of the signal by which it ended."""
_IMPOSSIBLE = ("Can Never Run",)
_MAINTENANCE = ("dedicated time", "Queue not started", "Scheduling is not", "reservation")
_NEEDS_A_HUMAN = ("held, too many failed attempts", "Queue not enabled")


@dataclass(frozen=True)
class Jobs:
    """The account's jobs on the server; the tokens are looked for here."""

    tokens: tuple[Token, ...]

    def script(self) -> str:
        return """export TZ=UTC
ids=$(qselect -u "$(id -un)") || exit
test -z "$ids" || qstat -t -f -F json $ids"""

    def parse(self, completed: Completed) -> list[JobReport]:
        found = _jobs(completed)
        rows = [(id, job) for id, job in found if job.get("Job_Name") in self.tokens]
        return [_alive(id, job) for id, job in rows if job["job_state"] not in _FINISHED]


@dataclass(frozen=True)
class History:
    """Jobs that have ended, which `qselect` finds by one name at a time."""

    tokens: tuple[Token, ...]

    def script(self) -> str:
        return f"""export TZ=UTC
ids=$(for token in {" ".join(self.tokens)}; do qselect -x -N $token || exit; done) || exit
test -z "$ids" || qstat -x -t -f -F json $ids"""

    def parse(self, completed: Completed) -> list[JobReport]:
        found = _jobs(completed)
        rows = [(id, job) for id, job in found if job.get("Job_Name") in self.tokens]
        return [_ended(id, job) for id, job in rows if job["job_state"] in _FINISHED]


def _jobs(completed: Completed) -> Iterator[tuple[str, dict[str, Any]]]:
    """Its jobs; raises `CommandFailed` unless it fails for jobs alone that are gone by now."""
    complaints = completed.stderr.strip().splitlines()
    only_gone = complaints and all(any(text in line for text in GONE) for line in complaints)
    if completed.exit_status and not only_gone:
        raise CommandFailed(f"exit status {completed.exit_status}: {completed.stderr.strip()}")
    answer = json.loads(completed.stdout, strict=False) if completed.stdout.strip() else {}
    for job_id, job in answer.get("Jobs", {}).items():
        if "[]" not in job_id:
            yield job_id, job


def _instance(job_id: str) -> int | None:
    match = re.match(r"\d+\[(\d+)\]", job_id)
    return int(match[1]) if match else None


def _alive(job_id: str, job: dict[str, Any]) -> JobReport:
    word = job["job_state"]
    state = _STATES.get(word, JobState.QUEUED)
    waits = word in _STATES and state is not JobState.RUNNING
    begun = 0 if waits else 1
    return JobReport(
        token=Token(job["Job_Name"]),
        instance=_instance(job_id),
        state=state,
        witness=Witness.QUEUE,
        job_id=JobId(job_id),
        attempt=max(1, int(job.get("run_count", begun)) + 1 - begun),
        host=None if waits else _host(job),
        started=None if waits else moment(job.get("stime", "")),
        reason=job.get("comment", "") if waits or word in "SU" else "",
        waiting=_waiting(job) if waits else None,
        expected=_expected(job) if waits else None,
        unknown="" if word in _STATES else word or "nothing",
    )


def _waiting(job: dict[str, Any]) -> Waiting:
    said = job.get("comment", "")
    holds = set(job.get("Hold_Types", "n")) - {"n"}
    if any(text in said for text in _IMPOSSIBLE):
        return Waiting.IMPOSSIBLE
    # A job that waits for another one is held by the system.
    if holds - {"s"} or (holds and "depend" not in job):
        return Waiting.NEEDS_A_HUMAN
    if any(text in said for text in _NEEDS_A_HUMAN):
        return Waiting.NEEDS_A_HUMAN
    return Waiting.MAINTENANCE if any(t in said for t in _MAINTENANCE) else Waiting.NORMAL


def _expected(job: dict[str, Any]) -> float | None:
    start = job.get("estimated", {}).get("start_time")
    return moment(start) if isinstance(start, str) else start


def _ended(job_id: str, job: dict[str, Any]) -> JobReport:
    status: int | None = job.get("Exit_status")
    code = status if status is None or status < _SIGNALS else 128 + status - _SIGNALS
    return JobReport(
        token=Token(job["Job_Name"]),
        instance=_instance(job_id),
        state=_end(job, status),
        witness=Witness.ACCOUNTING,
        job_id=JobId(job_id),
        attempt=max(1, int(job.get("run_count", 1))),
        exit_code=code,
        host=_host(job),
        started=moment(job.get("stime", "")),
        ended=moment(job.get("obittime", "") or job.get("mtime", "")),
        reason="" if status == 0 else job.get("comment", ""),
    )


def _end(job: dict[str, Any], status: int | None) -> JobState:
    """Without an exit status it never ran: it was deleted, or what it waited for failed."""
    if status is None or job.get("substate") == _DELETED:
        return JobState.CANCELLED
    if status == _OVER_WALLTIME:
        return JobState.TIMEOUT
    return JobState.FAILED if status else JobState.COMPLETED


def _host(job: dict[str, Any]) -> str | None:
    return job.get("exec_host", "").partition("/")[0] or None
