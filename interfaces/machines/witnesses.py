"""What to believe when the witnesses of a job differ.

The wrapper's own word of an end is the best, then the queue's, then the accounts'. A job that was
seen and now is in neither is `ENDING`, not `LOST`: both may be late. One that only the accounts
call alive is so as far as is known: the queue may have forgotten it, or they an end.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from events.jobs import JobId, JobReport, JobState, Part, Witness, instance_of, whose

_GONE = "gone from the queue; neither its status file nor the accounts tell of its end yet"


def settled(status: JobReport | None) -> bool:
    """Whether the wrapper's status alone tells how the job ended."""
    return status is not None and status.state.ended


def judge(
    status: JobReport | None, queue: JobReport | None, history: JobReport | None
) -> JobReport | None:
    """One report from what the wrapper, the queue and the accounts say; None if all are silent."""
    if queue and queue.unknown and status:
        return status.model_copy(update={"reason": queue.reason, "unknown": queue.unknown})
    if queue and not (settled(status) and _same_run(status, queue)):
        return _known_besides(queue, status)
    if status and settled(status):
        return status
    if history and only_accounted(history) and status:
        if status.state is not JobState.ENDING:
            return status.model_copy(update={"witness": Witness.ACCOUNTING})
    elif history:
        return _known_besides(history, status)
    if status:
        return status.model_copy(
            update={"state": JobState.ENDING, "witness": Witness.QUEUE, "reason": _GONE}
        )
    return None


def only_accounted(report: JobReport) -> bool:
    """Whether a job is alive, and nobody but the accounts says so."""
    return report.witness is Witness.ACCOUNTING and not (
        report.state.ended or report.state is JobState.ENDING
    )


def begun(part: Part, claimant: JobId) -> JobReport:
    """What is known of a job that began, and of which nobody says more."""
    return JobReport(
        token=whose(part),
        instance=instance_of(part),
        state=JobState.ENDING,
        witness=Witness.QUEUE,
        job_id=claimant,
        reason=_GONE,
    )


def of_claimant(report: JobReport, claimant: JobId | None) -> bool:
    """Whether a scheduler's row is about the job itself, and not about a second copy of it."""
    return claimant is None or report.job_id in (None, claimant)


def one_each(
    reports: Iterable[JobReport], claims: Mapping[Part, JobId]
) -> Mapping[Part, JobReport]:
    """One of a scheduler's rows a part: the claimant's; without one, a copy that may yet run."""
    mine = [report for report in reports if of_claimant(report, claims.get(report.part))]
    mine.sort(key=lambda report: (not report.state.ended, report.attempt))
    return {report.part: report for report in mine}


def of_each(
    reports: Iterable[JobReport], parts: Collection[Part], claims: Mapping[Part, JobId]
) -> Iterator[JobReport]:
    """What is said of an array as a whole is said of its instances that never started."""
    for report in reports:
        yield report
        for part in parts if report.instance is None else ():
            instance = instance_of(part)
            if instance is not None and whose(part) == report.token and part not in claims:
                yield report.model_copy(update={"instance": instance})


def _same_run(status: JobReport | None, queue: JobReport) -> bool:
    """A queue that still shows an ended run is late, unless the job waits again: a requeue."""
    return status is not None and not queue.state.waits and queue.attempt <= status.attempt


def _known_besides(report: JobReport, status: JobReport | None) -> JobReport:
    """The scheduler's row, with what only the wrapper knows."""
    if status is None:
        return report
    attempt = max(report.attempt, status.attempt + report.state.waits)
    missing = {
        name: getattr(status, name)
        for name in ("job_id", "host", "started", "exit_code")
        if getattr(report, name) is None and attempt == status.attempt
    }
    return report.model_copy(update={**missing, "attempt": attempt, "copies": status.copies})
