"""What to believe of a job that is in its queue no more, and of whose end nobody tells."""

from events.jobs import JobReport, JobState, Witness
from managers.operations import Job, gone_without_a_word


def unexplained(report: JobReport) -> bool:
    """Whether a job is in no queue any more, and nobody tells how or why it ended."""
    return report.state == JobState.ENDING and report.witness == Witness.QUEUE


def verdict(
    job: Job,
    found: JobReport | None,
    instance: int | None = None,
    *,
    forgets_deleted: bool = False,
) -> JobReport | None:
    """What to believe of what has vanished, after all lags; None: it has turned up.

    Its wrapper told with what exit code it ended when it was told to stop; or it waited, and was
    deleted, where that is all that leaves no trace; or it is `LOST`.
    """
    if found and not unexplained(found):
        return None
    was = found or job.word(instance)
    reason = "neither its folder nor the queue nor the accounts know its end"
    state = JobState.LOST
    if found and not gone_without_a_word(found) and not job.unwanted:
        state, reason = JobState.FAILED, "it was told to stop, and nobody tells by whom"
    if forgets_deleted and found is None and _waited(job, instance):
        state, reason = JobState.CANCELLED, "it was deleted before it started"
    return JobReport(
        token=job.token,
        instance=instance,
        state=state,
        witness=Witness.QUEUE,
        attempt=was.attempt if was else 1,
        exit_code=found.exit_code if found else None,
        started=was.started if was else None,
        reason=reason,
    )


def _waited(job: Job, instance: int | None) -> bool:
    """Whether it was in the queue for sure when it was last heard of, and had not started.

    Of an instance that waits while others have started there is no word.
    """
    last = job.word(instance) or job.overall
    if last is None:
        in_queue = instance is not None and bool(job.instances)
    else:
        in_queue = last.witness is Witness.QUEUE and last.state.waits
    return in_queue and job.is_all_there
