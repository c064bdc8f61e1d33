"""What LSF says of jobs, while it knows them. Source: the reference of `bjobs`, `-o`."""

from dataclasses import dataclass

from events.jobs import JobId, JobReport, JobState, Token, Waiting, Witness
from interfaces.machines.connection import CommandFailed, Completed
from interfaces.machines.dialects.asking import number, whole_rows

CLEAN = """unset LSB_BJOBS_FORMAT LSB_DEFAULTQUEUE LSB_DEFAULTPROJECT LSB_SUB_ADDITIONAL
export LSB_BJOBS_CONSISTENT_EXIT_CODE=N LSB_NTRIES=3
"""
FIELDS = (
    "jobid", "jobindex", "job_name", "stat", "exit_code", "exit_reason", "first_host",
    "pend_reason",
)  # fmt: skip
NONE = ("No job found", "No unfinished job found", "No matching job found", "is not found")

_STATES = {
    "DONE": JobState.COMPLETED,
    "EXIT": JobState.FAILED,
    "PEND": JobState.QUEUED,
    "PROV": JobState.RUNNING,
    "PSUSP": JobState.HELD,
    "RUN": JobState.RUNNING,
    "SSUSP": JobState.RUNNING,
    "USUSP": JobState.RUNNING,
    "WAIT": JobState.QUEUED,
    "ZOMBI": JobState.RUNNING,
}
_TIMEOUT = ("TERM_RUNLIMIT", "TERM_DEADLINE", "TERM_CPULIMIT")
_CANCELLED = ("TERM_OWNER", "TERM_ADMIN", "TERM_FORCE_OWNER", "TERM_FORCE_ADMIN")
_NEEDS_A_HUMAN = ("suspended by", "held", "Queue is not active", "The queue is inactivated")
_MAINTENANCE = ("Closed by LSF administrator", "Dispatch windows closed", "maintenance")
_IMPOSSIBLE = (
    "dependency condition invalid or never satisfied",
    "not satisfiable",
    "never be satisfied",
)


@dataclass(frozen=True)
class Jobs:
    """The account's jobs that have not ended, or not long ago; the tokens are looked for here."""

    tokens: tuple[Token, ...]
    which: str = ""
    """`-d`: those that have ended."""
    witness: Witness = Witness.QUEUE

    def script(self) -> str:
        columns = " ".join(FIELDS)
        return f"""{CLEAN}export TZ=UTC
bjobs {self.which} -noheader -u "$(id -un)" -o "{columns} delimiter='$(printf '\\037')'" """

    def parse(self, completed: Completed) -> list[JobReport]:
        if any(text in completed.stderr for text in NONE) and not completed.stdout.strip():
            return []
        if completed.exit_status:
            said = f"{completed.stdout} {completed.stderr}".strip()
            raise CommandFailed(f"exit status {completed.exit_status}: {said[-1000:]}")
        found = whole_rows(completed.stdout, len(FIELDS))
        return [self._report(row) for row in found if _name(row) in self.tokens]

    def _report(self, row: list[str]) -> JobReport:
        told = ["" if value == "-" else value for value in row]
        job_id, index, _, word, code, exit_reason, host, pending = told
        element = int(index or 0)
        state = _end(word, exit_reason)
        waits = state is not None and state.waits
        exit_code = number(code) if code else (0 if word == "DONE" else None)
        return JobReport(
            token=Token(_name(row)),
            instance=element - 1 if element else None,
            state=state or JobState.QUEUED,
            witness=self.witness,
            job_id=JobId(f"{job_id}[{element}]" if element else job_id),
            exit_code=None if exit_code is None else int(exit_code),
            host=host or None,
            reason=pending if waits else exit_reason,
            waiting=_waiting(word, pending) if waits else None,
            unknown="" if state else word or "nothing",
        )


def _name(row: list[str]) -> str:
    """That of an instance of an array has its index after it: `name[3]`."""
    return row[2].partition("[")[0]


def _end(word: str, reason: str) -> JobState | None:
    if word == "EXIT" and reason.startswith(_TIMEOUT):
        return JobState.TIMEOUT
    if word == "EXIT" and reason.startswith(_CANCELLED):
        return JobState.CANCELLED
    return _STATES.get(word)


def _waiting(word: str, reason: str) -> Waiting:
    if word == "PSUSP" or any(text in reason for text in _NEEDS_A_HUMAN):
        return Waiting.NEEDS_A_HUMAN
    if any(text in reason for text in _IMPOSSIBLE):
        return Waiting.IMPOSSIBLE
    return Waiting.MAINTENANCE if any(t in reason for t in _MAINTENANCE) else Waiting.NORMAL
