"""The one line in which a wrapper says where a job is, and how it is written and read.

The same line is a status file, a mark in the spool and an account of the dialect `processes`; its
fields are separated by tabs, its first word is a `JobState` or `COPY`.
"""

from collections import Counter

import structlog

from events.jobs import JobReport, JobState, Part, Witness, instance_of, whose

_log = structlog.get_logger()

COPY = "COPY"
_FIELDS = ("state", "part", "attempt", "job_id", "host", "started", "ended", "exit_code")

WRITE_STATUS = r"""
now() { date +%s.%N; }
status() {  # FILE STATE ENDED EXIT_CODE: beside its place, then renamed; a full disk keeps the old
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
        "$2" "$token" "$attempt" "$job_id" "$host" "$started" "$3" "$4" >"$1.part-$$" &&
        mv -f "$1.part-$$" "$1"
}
"""
"""Shell functions; they use `token` (of an array: the part), `attempt`, `job_id`, `host` and
`started`."""


def parse_status(text: str, witness: Witness) -> dict[Part, JobReport]:
    """The newest report of each part; a line that is no status is logged and left out."""
    newest: dict[Part, JobReport] = {}
    copies: Counter[Part] = Counter()
    for line in text.splitlines():
        values = dict(zip(_FIELDS, line.split("\t"), strict=False))
        if values["state"] == COPY:
            copies[values.get("part", "")] += 1
        elif report := _report(values, witness):
            older = newest.get(report.part)
            if older is None or _age(older) <= _age(report):
                newest[report.part] = report
    return {
        part: report.model_copy(update={"copies": copies[part]}) for part, report in newest.items()
    }


def _report(values: dict[str, str], witness: Witness) -> JobReport | None:
    part = values.get("part", "")
    known = {name: value for name, value in {**values, "token": whose(part)}.items() if value}
    try:
        told = {**known, "instance": instance_of(part), "witness": witness}
        return JobReport.model_validate(told)
    except ValueError as error:
        _log.warning("left out a line that is no status", line=values, error=str(error))
        return None


def _age(report: JobReport) -> tuple[int, bool]:
    return report.attempt, report.state.ended or report.state is JobState.ENDING
