"""How jobs come to a machine: announced, answered, refused, in doubt, given up. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from events import operations as e
from events.accounts import NotAllowed
from events.jobs import JobReport, JobState, Waiting, Witness
from events.machines import MachineSettings
from managers.operations import inputs as i
from managers.operations.job import Job, Phase, job_of, paused
from managers.operations.reports import LATE, said, tell
from managers.operations.state import MachineJobs
from managers.portions import portion
from managers.runtime import Effect, Given

_MOST = 5
"""Submissions of a job that were never found, one after the other, until somebody has to decide."""


def room(was: MachineJobs, full: str) -> Iterator[Effect]:
    """There is none any more, or again."""
    if was.settings is not None and bool(full) != bool(was.full):
        seen = e.RoomSeen(full=full)
        yield seen
        yield from tell_of_room(replace(was, full=seen.full))


def tell_of_room(was: MachineJobs) -> Iterator[Effect]:
    """Whoever waits to be submitted is told, once, that it waits for room, and that there is.

    So many at once, since all of it has to fit into one record; the others at the next look at the
    clock.
    """
    why = paused(was.full)
    yield from portion([*tell(job, _waits(job, why))] for job in untold_of_room(was))[0]


def untold_of_room(was: MachineJobs) -> Iterator[Job]:
    """Who waits to be submitted, and knows otherwise of the room than it is."""
    for job in was.jobs.values():
        if job.phase is Phase.SUBMITTING:
            knows = job.report is not None and job.report.waiting is not None
            if knows != bool(was.full):
                yield job


def _waits(job: Job, why: str) -> JobReport:
    """It is not submitted yet; empty: no more than others."""
    waits = said(job, JobState.PENDING, Witness.OURSELVES, why)
    return waits.model_copy(update={"waiting": Waiting.NEEDS_A_HUMAN if why else None})


def submit(was: MachineJobs, wanted: e.SubmitJob, given: Given) -> Iterator[Effect]:
    """A job is announced, and told where it has to wait."""
    if wanted.request.token in was.jobs:
        return
    account, refusal = _account(was.settings, wanted)
    intended = e.SubmissionIntended(
        incident=wanted.incident,
        simulation=wanted.simulation,
        request=wanted.request,
        inputs=wanted.inputs,
        correlation=given.correlation,
        privileges=was.settings.policy.get(wanted.request.urgency, ()) if was.settings else (),
        account=account,
        at=given.now,
    )
    yield intended
    job = job_of(intended)
    if refusal:
        yield from _abandoned(job, JobState.FAILED, refusal)
    elif was.full:
        yield from tell(job, _waits(job, paused(was.full)))


def _account(settings: MachineSettings | None, wanted: e.SubmitJob) -> tuple[str, str]:
    """What a job is charged to, and why it may not be; it may have been otherwise when placed."""
    asked = wanted.request.options.account
    if settings is None:
        return asked, ""
    try:
        account = settings.accounts.charged(wanted.incident, wanted.owner, asked)
    except NotAllowed as error:
        return asked, f"{settings.name}: {error}"
    default = settings.batch.get("account")
    return account or (default if isinstance(default, str) else ""), ""


_OfSubmission = (
    i.SubmissionBegins
    | i.SubmissionAnswered
    | i.SubmissionTurnedDown
    | i.SubmissionInDoubt
    | i.SubmissionAbsent
    | i.SubmissionImpossible
)


def submitted(job: Job, input: _OfSubmission) -> Iterator[Effect]:
    """What came of the submission that is under way."""
    match input:
        case i.SubmissionBegins():
            yield e.SubmissionBegun(token=job.token)
        case i.SubmissionAnswered(job_id=job_id, remarks=remarks):
            yield e.SubmissionConfirmed(token=job.token, job_id=job_id, remarks=remarks)
            yield from tell(job, said(job, JobState.QUEUED, Witness.QUEUE, job_id=job_id))
            if job.unwanted and not job.cancelling:
                yield e.CancelIntended(token=job.token, reason=LATE)
        case i.SubmissionTurnedDown(reason=reason) if job.privileges and not job.unwanted:
            refused, *others = job.privileges
            then = replace(job, privileges=tuple(others))
            yield e.PrivilegeRefused(
                token=job.token,
                privilege=refused.name,
                reason=reason,
                next=others[0].name if others else "",
                submission=job.submission + 1,
                account=then.asked.options.account,
            )
        case i.SubmissionTurnedDown() if job.unwanted:
            yield from _abandoned(job, JobState.CANCELLED, _NEVER)
        case i.SubmissionTurnedDown(reason=reason):
            yield e.SubmissionRefused(token=job.token, reason=reason)
            why = f"the machine refused the job: {reason}"
            yield from tell(job, said(job, JobState.FAILED, Witness.QUEUE, why))
            if job.repeated:
                why = "it was refused, and no earlier copy of it may come late"
                yield e.CancelIntended(token=job.token, reason=why)
        case i.SubmissionImpossible(reason=reason):
            yield from _abandoned(job, JobState.FAILED, reason)
        case i.SubmissionInDoubt(reason=reason):
            yield e.SubmissionDoubted(token=job.token, reason=reason)
        case i.SubmissionAbsent() if job.unwanted:
            yield from _abandoned(job, JobState.CANCELLED, _NEVER)
        case i.SubmissionAbsent() if job.absences + 1 < _MOST:
            yield e.SubmissionRepeated(token=job.token, submission=job.submission + 1)
        case i.SubmissionAbsent():
            stopped = e.SubmissionStopped(token=job.token, reason=job.doubted)
            yield stopped
            why = f"submitted {_MOST} times, and never found there: {stopped.reason}"
            yield from tell(job, _waits(job, why))


_NEVER = "it was cancelled before the machine had it"


def cancel(job: Job, reason: str) -> Iterator[Effect]:
    """The machine is told, though it has not got the job as far as is known."""
    yield e.CancelIntended(token=job.token, reason=reason)
    if job.phase is Phase.STOPPED:
        yield from _abandoned(job, JobState.CANCELLED, _NEVER)


def retry(was: MachineJobs, job: Job) -> Iterator[Effect]:
    """A person wishes that a job be submitted once more; or now, if it waits for room."""
    if job.phase is Phase.STOPPED:
        yield e.SubmissionRepeated(token=job.token, submission=job.submission + 1)
        yield from tell(job, _waits(job, paused(was.full)))
    elif was.full and job.phase is Phase.SUBMITTING:
        yield e.RefreshRequested(token=job.token)


def _abandoned(job: Job, state: JobState, reason: str) -> Iterator[Effect]:
    yield e.SubmissionAbandoned(token=job.token, reason=reason)
    yield from tell(job, said(job, state, Witness.OURSELVES, reason))
