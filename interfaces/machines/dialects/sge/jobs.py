"""What Grid Engine says of jobs: those in its queue, and those in its accounts."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from events.jobs import OURS, JobId, JobReport, JobState, Token, Waiting, Witness
from interfaces.machines.connection import Completed, NotUnderstood
from interfaces.machines.dialects.asking import SEPARATOR, instances, moment, rows, since
from interfaces.machines.dialects.sge.submit import VERIFIED
from interfaces.machines.scripts.layout import Layout, quoted

NO_HIDING = """export TZ=UTC
home=$(getent passwd "$(id -un)" | cut -d: -f6)
if test -e "${home:-$HOME}/.sge_qstat"; then
    echo "remove ${home:-$HOME}/.sge_qstat: because of it qstat may hide jobs" >&2
    exit 1
fi
"""
"""`qstat` takes defaults from there, whatever `HOME` says."""

_LETTERS = set("dEhPqrRsStTNwz")
_REQUEUES = ("24", "25")
"""Codes of `failed` with which a job goes back into the queue: migrating, rescheduling."""
_LIMIT, _BY_SIGNAL = "37", "100"
_NO_QUEUE = "no suitable queues"
_NEVER = "no jobs running since startup"


@dataclass(frozen=True)
class Jobs:
    """The account's jobs in the queue; the tokens are looked for here.

    The queue does not say that a job waits for ever. What was said when it was submitted follows,
    behind a separator: a line a piece, with the name of the file that it is from.
    """

    layout: Layout
    tokens: tuple[Token, ...]

    def script(self) -> str:
        folders = " ".join(f"{token}/{OURS}" for token in self.tokens)
        return f"""{NO_HIDING}qstat -r -xml -u "$(id -un)"
answered=$?
printf '\037\n'
cd {quoted(self.layout.jobs)} 2>/dev/null && set -- {folders} &&
    find "$@" -maxdepth 2 -name {VERIFIED} -exec grep -ls '{_NO_QUEUE}' {{}} + 2>/dev/null |
    xargs -r -d '\n' grep -H ''
exit $answered"""

    def parse(self, completed: Completed) -> list[JobReport]:
        text, _, verified = completed.checked().partition(SEPARATOR)
        never = _said_of_each(verified)
        jobs = ElementTree.fromstring(text).iter("job_list")
        mine = (job for job in jobs if job.findtext("JB_name") in self.tokens)
        return [report for job in mine for report in self._reports(job, never)]

    def _reports(self, job: ElementTree.Element, never: Mapping[str, str]) -> Iterator[JobReport]:
        """Instances of an array that wait share a row, in which their numbers begin at 1."""
        report, tasks = self._report(job, never), (job.findtext("tasks") or "").strip()
        if not tasks:
            yield report
            return
        for n in instances(tasks, first=1):
            job_id = JobId(f"{report.job_id}.{n + 1}")
            yield report.model_copy(update={"instance": n, "job_id": job_id})

    def _report(self, job: ElementTree.Element, never: Mapping[str, str]) -> JobReport:
        def told(name: str) -> str:
            return (job.findtext(name) or "").strip()

        word = told("state")
        state, token = _state(word), Token(told("JB_name"))
        why = never.get(token, "") if state is JobState.QUEUED else ""
        waiting = _waiting(word, told("predecessor_jobs")) if state else None
        return JobReport(
            token=token,
            state=state or JobState.QUEUED,
            witness=Witness.QUEUE,
            job_id=JobId(told("JB_job_number")),
            attempt=2 if "R" in word else 1,
            host=told("queue_name").partition("@")[2] or None,
            started=moment(told("JAT_start_time")),
            reason=why or ("" if word in ("r", "qw", "t") else f"its state is {word}"),
            waiting=Waiting.IMPOSSIBLE if why else waiting,
            unknown="" if state else word or "nothing",
        )


def _said_of_each(lines: str) -> dict[str, str]:
    """What was said of each token, from lines that begin with a file in its folder."""
    said: dict[str, list[str]] = {}
    for line in lines.splitlines():
        file, _, text = line.partition(":")
        if text.strip():
            said.setdefault(file.partition("/")[0], []).append(text.strip())
    return {token: "; ".join(texts) for token, texts in said.items()}


def _state(word: str) -> JobState | None:
    """The letters of a state are facts that may come together; `hqw` waits for another job, too."""
    if not word or not set(word) <= _LETTERS:
        return None
    if "E" in word or "h" in word:
        return JobState.HELD
    return JobState.QUEUED if "w" in word else JobState.RUNNING


def _waiting(word: str, others: str) -> Waiting | None:
    """A job that waits for others is held by that; one that waits for slots does not say why."""
    if "E" in word or ("h" in word and not others):
        return Waiting.NEEDS_A_HUMAN
    return Waiting.NORMAL if "w" in word else None


@dataclass(frozen=True)
class History:
    """The accounts of all that ended since; a search by name takes one name at a time.

    Where nothing has, the head of a table of owners comes, or a sentence if nothing ever has. Of a
    job that was deleted before it started they know nothing. So its folder tells: the newest
    submission was taken, nobody claimed the run, and the program must not start any more.
    """

    layout: Layout
    tokens: tuple[Token, ...]
    days: int

    def script(self) -> str:
        return f"""export TZ=UTC{since(self.layout, self.tokens, self.days)}
qacct -o "$(id -un)" -E -b "$(date -d "@$since" +%Y%m%d%H%M)" -j
answered=$?
cd {quoted(self.layout.jobs)} || exit
for token in {" ".join(self.tokens)}; do (
    cd $token/.vestec 2>/dev/null && test -e cancel && ! test -L claim || exit
    newest=$(ls -d submission-* | sort -t- -k2n | tail -n 1)
    test "$(cat "$newest/exit" 2>/dev/null)" = 0 && printf 'deleted\\037%s\\n' $token
) done
exit $answered"""

    def parse(self, completed: Completed) -> list[JobReport]:
        never = completed.exit_status and _NEVER in completed.stdout + completed.stderr
        text = completed.stdout if never else completed.checked()
        deleted = [row[1] for row in rows(text, 2)]
        reports = [_deleted(token) for token in self.tokens if token in deleted]
        if never:
            return reports
        runs: Counter[tuple[str, str | None]] = Counter()
        if not any(sign in text for sign in ("jobname", "WALLCLOCK")):
            raise NotUnderstood(f"neither jobs nor a table of owners: {text.strip()[:200]!r}")
        for record in _records(text):
            if record.get("jobname") in self.tokens:
                run = record["jobnumber"], record.get("taskid")
                runs[run] += 1
                if record["failed"].split()[0] not in _REQUEUES:
                    reports.append(_ended(record, runs[run]))
        return reports


def _records(text: str) -> Iterator[dict[str, str]]:
    for block in re.split(r"^=+$", text, flags=re.MULTILINE):
        lines = [line.split(None, 1) for line in block.splitlines()]
        yield {line[0]: line[1].strip() for line in lines if len(line) == 2}


def _deleted(token: Token) -> JobReport:
    return JobReport(
        token=token,
        state=JobState.CANCELLED,
        witness=Witness.STATUS_FILE,
        reason="it was deleted before it started",
    )


def _ended(record: dict[str, str], attempt: int) -> JobReport:
    code = int(record["exit_status"].split()[0])
    failed, _, why = record["failed"].partition(":")
    task = record.get("taskid", "undefined")
    return JobReport(
        token=Token(record["jobname"]),
        instance=None if task == "undefined" else int(task) - 1,
        state=_end(record, failed.strip(), code),
        witness=Witness.ACCOUNTING,
        job_id=JobId(record["jobnumber"] + ("" if task == "undefined" else f".{task}")),
        attempt=attempt,
        exit_code=code,
        host=record.get("hostname"),
        started=moment(record.get("start_time", "")),
        ended=moment(record.get("end_time", "")),
        reason=why.strip(),
    )


def _end(record: dict[str, str], failed: str, code: int) -> JobState:
    """`qdel` kills without a word, so a wrapper that was killed in its time was cancelled."""
    if failed == "0":
        return JobState.FAILED if code else JobState.COMPLETED
    limit = re.search(r"\bh_rt=(\d+)", record.get("category", ""))
    ran = float(record.get("ru_wallclock", "0").rstrip("s") or 0)
    if failed in (_LIMIT, _BY_SIGNAL) and limit and ran >= int(limit[1]):
        return JobState.TIMEOUT
    return JobState.CANCELLED if failed == _BY_SIGNAL and code > 128 else JobState.FAILED
