"""What witnesses say of jobs: what of it is news, and what follows from it."""

from collections.abc import Iterable, Iterator

from events import operations as e
from events.jobs import JobId, JobReport, JobState, Witness
from events.prose import cut
from events.simulations import ReportJob
from events.values import Context
from managers.operations.job import Job, OfJob, job_after, may_come_again, reported
from managers.operations.state import MachineJobs, having
from managers.runtime import Decided, Effect, Send


def is_news(job: Job, report: JobReport) -> bool:
    """Whether a report says more than the last one did; an instance that is new waits."""
    last = job.word(report.instance)
    if last is None:
        waits = report.state == JobState.QUEUED and not (report.stuck or report.unknown)
        known = report.instance is not None and job.settled
        return not (known and waits) or report.attempt > 1
    if report.attempt < last.attempt:
        return False
    if last.state == JobState.LOST:
        silent = gone_without_a_word(report) or _left_behind(report, last)
        return report.state != JobState.LOST and not silent
    if last.state.ended:
        return may_come_again(last.state) and report.attempt > last.attempt and not report.unknown
    if report.unknown:
        return report.unknown != last.unknown
    now = (report.state, report.attempt, report.stuck)
    return now != (last.state, last.attempt, last.stuck) or report.copies > last.copies


def _left_behind(report: JobReport, lost: JobReport) -> bool:
    """Whether a wrapper's mark is the one that it had left when its job was lost."""
    if report.witness != Witness.STATUS_FILE or report.state.ended or report.started is None:
        return False
    now = (report.attempt, report.started, report.exit_code)
    return now == (lost.attempt, lost.started, lost.exit_code)


_MOVED = 600.0
"""Seconds: by less an expected start moves all the time."""


def is_foreseen_anew(job: Job, expected: float) -> bool:
    """Whether a start is expected that was not yet, or at quite another time."""
    if job.state is not None and not job.state.in_line:
        return False
    return job.expected is None or abs(expected - job.expected) >= _MOVED


def gone_without_a_word(report: JobReport) -> bool:
    """Whether a job is in no queue any more, and nobody has told of its end yet."""
    ending = report.state == JobState.ENDING and report.witness == Witness.QUEUE
    return ending and report.exit_code is None


def seen(was: MachineJobs, job: Job, reports: Iterable[JobReport]) -> Decided[MachineJobs]:
    """What follows from what was seen of a job at once: of an array, of some of its instances."""
    news, now, is_back = _news(job, reports)
    effects = [*news, *_follow_up(job, now, is_back)] if news else []
    for effect in effects[len(news) :]:
        if isinstance(effect, OfJob):
            now = job_after(now, effect)
    return Decided(effects, having(was, now) if news else was)


def _news(job: Job, reports: Iterable[JobReport]) -> tuple[list[OfJob], Job, bool]:
    """What is news, the job after it, and whether something of it was lost and has come back."""
    news, now, is_back = list[OfJob](), job, False
    for report in reports:
        if not is_news(now, report):
            continue
        if not now.settled and report.job_id:
            news.append(e.SubmissionConfirmed(token=job.token, job_id=report.job_id))
            now = job_after(now, news[-1])
        if last := now.word(report.instance):
            is_back |= last.state == JobState.LOST and not report.state.ended
            if report.unknown:
                report = report.model_copy(update={"state": last.state})
        news.append(e.JobReported(report=_as_wished(now, report)))
        now = job_after(now, news[-1])
    return news, now, is_back


def _follow_up(job: Job, now: Job, is_back: bool) -> Iterator[Effect]:
    """Who is told what a job has come to, and what is wished of it."""
    if now.report is None or now.report == job.report:
        return
    yield _passed_on(job, now.report)
    if now.report.copies > (job.report.copies if job.report else 0):
        yield e.CopiesSeen(token=job.token, copies=now.report.copies)
    is_new = now.settled and not (job.settled or now.has_ended)
    if job.unwanted and (is_new or is_back) and not job.cancelling:
        yield e.CancelIntended(token=job.token, reason=LATE if is_new else _IS_BACK)
    if now.end and not job.unwanted and (reason := _left(now, now.report)):
        yield e.CancelIntended(token=job.token, reason=reason)


LATE = "it got there after its end was wished"
_IS_BACK = "it was lost and has come back, and nobody wants it any more"


def _as_wished(job: Job, report: JobReport) -> JobReport:
    """What is lost after its end was wished is cancelled, unless a copy of it may come unheard."""
    heard = job.is_all_there or not job.cancelling
    if report.state is not JobState.LOST or not (job.unwanted and heard):
        return report
    reason = f"as was wished: {report.reason}"
    return report.model_copy(update={"state": JobState.CANCELLED, "reason": cut(reason)})


def _left(job: Job, whole: JobReport) -> str:
    """What may still start of a job that is over; empty: nothing."""
    if JobState.LOST in whole.instances:
        return "it is over, whatever became of its instances that are lost"
    if job.repeated:
        return "it is over, and was submitted more than once: no copy of it need wait any more"
    return ""


def said(
    job: Job, state: JobState, witness: Witness, reason: str = "", job_id: JobId | None = None
) -> JobReport:
    """What we say of a job ourselves."""
    return JobReport(token=job.token, state=state, witness=witness, reason=reason, job_id=job_id)


def tell(job: Job, report: JobReport) -> Iterator[Effect]:
    """Record a word about all of a job, and pass it on."""
    yield e.JobReported(report=report)
    yield _passed_on(job, reported(job, report).report or report)


def _passed_on(job: Job, report: JobReport) -> Send:
    return Send(
        Context.SIMULATIONS, job.incident, ReportJob(simulation=job.simulation, report=report)
    )
