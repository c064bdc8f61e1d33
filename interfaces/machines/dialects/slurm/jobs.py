"""What Slurm says of jobs: those in its controller's memory, and those in its accounts.

Instances of an array that nothing has happened to share a row: `6_[0-2]` and `6_3` are four.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from events.jobs import JobId, JobReport, JobState, Token, Witness
from interfaces.machines.connection import Completed
from interfaces.machines.dialects.asking import instances, number, since, whole_rows
from interfaces.machines.dialects.slurm.environment import QUESTION
from interfaces.machines.dialects.slurm.words import ACCOUNTS, QUEUE, is_held, waiting
from interfaces.machines.scripts.layout import Layout

QUEUE_FIELDS = (
    "JobArrayID", "Name", "State", "Reason", "StartTime", "EndTime", "BatchHost", "RestartCnt",
    "exit_code",
)  # fmt: skip
"""Of `squeue --Format`; the last is a wait status, in which 768 is exit code 3."""
ACCOUNT_FIELDS = (
    "JobID", "JobName", "State", "Reason", "Start", "End", "NodeList", "ExitCode",
)  # fmt: skip
"""Of `sacct --format`."""


@dataclass(frozen=True)
class Jobs:
    """The account's jobs in the controller's memory, those that ended a moment ago included.

    All of them, and the tokens are looked for here: that needs no long command line, and nothing of
    ours is filtered out by an environment. Columns are not padded when they end with a suffix.
    """

    tokens: tuple[Token, ...]

    def script(self) -> str:
        columns = ",".join(f"{name}:$separator" for name in QUEUE_FIELDS)
        return f"""{QUESTION}
squeue --noheader --states=all --user="$(id -u)" --Format="{columns}" """

    def parse(self, completed: Completed) -> list[JobReport]:
        # After the last column, too, comes its separator.
        found = whole_rows(completed.checked(), len(QUEUE_FIELDS) + 1)
        mine = [self._report(row) for row in found if row[1] in self.tokens]
        return [each for report in mine for each in _instances(report)]

    def _report(self, row: list[str]) -> JobReport:
        job_id, token, word, reason, start, end, host, restarts, status = row[:-1]
        state = QUEUE.get(word, JobState.QUEUED)
        waits = state is JobState.QUEUED and word in QUEUE
        if waits and is_held(reason):
            state = JobState.HELD
        ran = host not in ("", "n/a")  # what never ran has its end as its start
        return JobReport(
            token=Token(token),
            state=state,
            witness=Witness.QUEUE,
            job_id=JobId(job_id),
            attempt=1 + int(number(restarts) or 0),
            exit_code=_of_wait_status(status) if ran and state.ended else None,
            host=host if ran else None,
            started=number(start) if ran else None,
            ended=number(end) if state.ended else None,
            reason=_in_words(word, reason),
            waiting=waiting(reason) if waits else None,
            expected=number(start) if waits and state is not JobState.HELD else None,
            unknown="" if word in QUEUE else word or "nothing",
        )


@dataclass(frozen=True)
class History:
    """The accounts of jobs that are gone from the queue: all that might start once, and the rest.

    A span of time has no job that ended before it might start: one that was held, or waited for
    another one or its time. Of a state it has all that ended in it. Of what both know the former
    has the newest run.
    """

    layout: Layout
    tokens: tuple[Token, ...]
    days: int

    def script(self) -> str:
        return f"""{QUESTION}{since(self.layout, self.tokens, self.days)}
accounts() {{
    sacct --allocations --noheader --parsable2 --delimiter="$separator" --user="$(id -u)" \\
        --starttime="$(date -d "@$since" +%Y-%m-%dT%H:%M:%S)" \\
        --name={",".join(self.tokens)} --format={",".join(ACCOUNT_FIELDS)} "$@"
}}
accounts --state=CANCELLED,DEADLINE --endtime=now+1hour && accounts"""

    def parse(self, completed: Completed) -> list[JobReport]:
        found = whole_rows(completed.checked(), len(ACCOUNT_FIELDS))
        newest = {row[0]: row for row in found if row[1] in self.tokens}
        reports = [self._report(row) for row in newest.values()]
        return [each for report in reports if report for each in _instances(report)]

    def _report(self, row: list[str]) -> JobReport | None:
        job_id, token, word, reason, start, end, hosts, exit_code = row
        said, _, by = word.partition(" ")
        state = ACCOUNTS.get(said) or QUEUE.get(said)
        if state is None:
            return None
        ran = hosts not in ("", "None assigned")
        return JobReport(
            token=Token(token),
            state=state,
            witness=Witness.ACCOUNTING,
            job_id=JobId(job_id),
            exit_code=_of_code_and_signal(exit_code) if ran and state.ended else None,
            host=hosts if ran else None,
            started=number(start) if ran else None,
            ended=number(end),
            reason=_in_words(f"{said} {by}".strip(), reason),
        )


_ARRAY = re.compile(r"(\d+)_\[?([^]]+)\]?")


def _instances(report: JobReport) -> Iterator[JobReport]:
    """A row's report for each of the instances that it is about."""
    match = _ARRAY.fullmatch(report.job_id or "")
    if match is None:
        yield report
        return
    for n in instances(match[2]):
        yield report.model_copy(update={"job_id": JobId(f"{match[1]}_{n}"), "instance": n})


def _in_words(state: str, reason: str) -> str:
    """Both words, where they say more than the states that we know."""
    told = "" if reason in ("", "None", "NonZeroExitCode") else reason
    plain = state in ("PENDING", "RUNNING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")
    return ": ".join(part for part in ("" if plain else state, told) if part)


def _of_wait_status(text: str) -> int | None:
    """An exit code as a shell has it: 128 and more for a signal."""
    status = number(text)
    if status is None:
        return None
    code, signal = divmod(int(status), 256)
    return 128 + signal % 128 if signal else code


def _of_code_and_signal(text: str) -> int | None:
    code, _, signal = text.partition(":")
    if not (code.isdecimal() and signal.isdecimal()):
        return None
    return 128 + int(signal) if int(signal) else int(code)
