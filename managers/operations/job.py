"""One job on a machine: nothing but the fold of the events about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from events import operations as e
from events.jobs import JobId, JobReport, JobRequest, JobState, RelativePath, Token
from events.machines import Privilege
from events.operations import JobTask
from events.values import Blob, IncidentId
from managers.operations.arrays import counted_anew, state_of, whole

OfJob = (
    e.SubmissionBegun
    | e.SubmissionConfirmed
    | e.SubmissionRefused
    | e.SubmissionAbandoned
    | e.SubmissionDoubted
    | e.PrivilegeRefused
    | e.SubmissionRepeated
    | e.SubmissionStopped
    | e.TaskHindered
    | e.JobReported
    | e.JobForeseen
    | e.CancelIntended
    | e.CancelSent
    | e.HoldIntended
    | e.HoldSent
    | e.HoldRefused
    | e.CollectionIntended
    | e.OutputsCollected
    | e.RefreshRequested
    | e.JobReleased
    | e.PurgeNears
)
"""What is told of a job from its intent on."""


_AGAIN = frozenset({JobState.FAILED, JobState.TIMEOUT, JobState.CANCELLED})


def may_come_again(state: JobState | None) -> bool:
    """Whether what is in that state has ended, and a batch system may requeue it."""
    return state in _AGAIN


class Phase(StrEnum):
    """How far a job is on its way to the machine."""

    SUBMITTING = "submitting"
    STOPPED = "stopped"
    """Never found, again and again: it is not submitted before somebody wishes it."""
    SETTLED = "settled"
    """The machine has it, or never will."""


@dataclass(frozen=True)
class Job:
    """One job, from the intent to submit it until nobody asks about it any more."""

    incident: IncidentId
    simulation: UUID
    request: JobRequest
    inputs: Mapping[RelativePath, Blob]
    correlation: UUID | None = None
    privileges: tuple[Privilege, ...] = ()
    """What it asks for, the first of them now."""
    account: str = ""
    """What it is charged to, where its privilege does not say otherwise."""
    submission: int = 1
    """How often it went out; each has a number of its own on the machine."""
    repeated: bool = False
    """Whether one before may come late, and bring a copy."""
    absences: int = 0
    """How many were not found, since somebody last wished it."""
    job_id: JobId | None = None
    phase: Phase = Phase.SUBMITTING
    tried: bool = False
    """Whether this submission may have gone out."""
    doubted: str = ""
    """Why this submission may have got through; empty: nobody doubts it."""
    overall: JobReport | None = None
    """The last word about all of it; None once instances of it were spoken of since."""
    instances: Mapping[int, JobReport] = field(default_factory=dict)
    """The last word about each instance of an array that anything was said of."""
    counts: Mapping[JobState, int] = field(default_factory=dict)
    """How many instances these leave in which state; empty: there are none."""
    expected: float | None = None
    """When the batch system expects to start it, as was told last; seconds since the epoch. None:
    nobody has told since its turn may come."""
    cancelling: bool = False
    holding: bool | None = None
    """Whether it is being held (true) or released (false); None: neither."""
    collecting: tuple[RelativePath, ...] = ()
    unwanted: bool = False
    """Somebody wished its end."""
    released: bool = False
    """Forgotten as soon as the machine took the wish for its end."""
    heard: float | None = None
    """Until when its wrapper is heard though it is released, in seconds since the epoch."""
    refresh: int = 0
    """How often somebody asked to look now."""
    ends: Mapping[Token, JobState | None] = field(default_factory=dict)
    """How those ended that it comes after, of whom that is known."""
    hindered: Mapping[JobTask, str] = field(default_factory=dict)
    """Why what there is to do for it fails."""
    begun: float | None = None
    """When it was to be submitted, in seconds since the epoch; None: nobody noted."""
    over: float | None = None
    """When it was released, likewise."""
    warned: float | None = None
    """When the centre removes its files, if somebody was warned of that."""

    @property
    def token(self) -> Token:
        return self.request.token

    @cached_property
    def report(self) -> JobReport | None:
        """The last word about it; about an array, what all the words come to.

        That is made of a thousand words when somebody asks, not with each of them.
        """
        if self.overall is not None or not self.instances:
            return self.overall
        return whole(self.token, self.request.instances, self.job_id, self.instances)

    @property
    def state(self) -> JobState | None:
        """That of its report; None: there is none."""
        if self.overall is not None:
            return self.overall.state
        return state_of(self.counts) if self.counts else None

    @property
    def settled(self) -> bool:
        """Whether its submission is over: the machine has it, or is not to get it."""
        return self.phase is Phase.SETTLED

    @property
    def may_be_there(self) -> bool:
        """Whether the machine may show it: it has it, or may have taken it."""
        return self.settled or self.repeated or bool(self.doubted)

    @property
    def is_all_there(self) -> bool:
        """Whether nothing of it can come late: what the machine shows of it is all."""
        lost = self.state is JobState.LOST
        return self.job_id is not None and not (self.repeated or lost)

    @property
    def end(self) -> JobState | None:
        """How it ended; None: it is not over, what is lost included."""
        return self.state if self.state is not None and self.state.final else None

    @property
    def has_ended(self) -> bool:
        """Whether it is over, as far as is known: what is lost may come back."""
        return self.state is not None and self.state.ended

    @property
    def can_be_waited_for(self) -> bool:
        """Whether its end is known, or its batch system will tell of it.

        What is lost may come back, unless it was to end.
        """
        gone = self.state is JobState.LOST and not (self.unwanted and not self.cancelling)
        return self.settled and not gone

    @property
    def others(self) -> list[Token]:
        """Those that it comes after."""
        return [other.token for other in self.request.options.after]

    def informed(self, ends: Mapping[Token, JobState | None]) -> "Job":
        """The same, knowing how some of those ended, or that they go on."""
        return replace(self, ends={**self.ends, **ends}) if ends else self

    def word(self, instance: int | None) -> JobReport | None:
        """The last one about an instance, or about all of it."""
        return self.report if instance is None else self.instances.get(instance)

    @property
    def left(self) -> bool:
        """Whether nobody asks about it any more, nor is anything done for it."""
        return self.released and not self.cancelling and self.heard is None

    @property
    def may_be_requeued(self) -> bool:
        """Whether its end may turn out not to be the last, and somebody wants to know."""
        return self.job_id is not None and not self.unwanted and may_come_again(self.state)

    @property
    def written(self) -> float | None:
        """When the newest of its files was, as far as is known, in seconds since the epoch.

        None: there are none yet, or nobody noted.
        """
        if not self.settled:
            return None
        return (self.has_ended and self.report and self.report.ended) or self.begun

    @property
    def asked(self) -> JobRequest:
        """The request as it is submitted now, with what is known of those that it comes after.

        Its account goes over what it says itself, and its privilege over both.
        """
        options = self.request.options
        after = tuple(
            other.model_copy(update={"end": self.ends.get(other.token, other.end)})
            for other in options.after
        )
        account = self.account or options.account
        update: dict[str, object] = {"account": account, "after": after}
        if self.privileges:
            privilege = self.privileges[0]
            wanted = privilege.model_dump(include={"queue", "account", "qos", "reservation"})
            update |= {name: word for name, word in wanted.items() if word}
            update["native"] = (*privilege.native, *options.native)
        return self.request.model_copy(update={"options": options.model_copy(update=update)})

    @property
    def tasks(self) -> frozenset[JobTask]:
        """What there is to do for it."""
        under_way = {
            JobTask.SUBMIT: self.phase is Phase.SUBMITTING,
            JobTask.CANCEL: self.cancelling,
            JobTask.HOLD: self.holding is True,
            JobTask.RELEASE: self.holding is False,
            JobTask.COLLECT: bool(self.collecting),
        }
        return frozenset(task for task, wanted in under_way.items() if wanted)


def job_of(event: e.SubmissionIntended) -> Job:
    """The job that is to be submitted."""
    made = (event.incident, event.simulation, event.request, event.inputs)
    return Job(*made, event.correlation, event.privileges, event.account, begun=event.at)


def job_after(was: Job, event: OfJob) -> Job:
    """The job after an event about it; trouble with what is done is over."""
    job = _changed(was, event)
    if job.hindered.keys() - job.tasks:
        left = {task: why for task, why in job.hindered.items() if task in job.tasks}
        job = replace(job, hindered=left)
    return job


def _got_on(was: Job) -> dict[JobTask, str]:
    """What still hinders a job whose submission went out, whatever came of it."""
    return {task: why for task, why in was.hindered.items() if task is not JobTask.SUBMIT}


def _changed(was: Job, event: OfJob) -> Job:
    match event:
        case e.SubmissionBegun():
            return replace(was, tried=True)
        case e.SubmissionConfirmed():
            return replace(was, phase=Phase.SETTLED, job_id=event.job_id)
        case e.SubmissionRefused() | e.SubmissionAbandoned():
            return replace(was, phase=Phase.SETTLED)
        case e.PrivilegeRefused():
            left = was.privileges[1:]
            then = replace(was, privileges=left, hindered=_got_on(was))
            return replace(then, submission=event.submission, tried=False, doubted="")
        case e.SubmissionDoubted():
            return replace(was, doubted=event.reason, hindered=_got_on(was))
        case e.SubmissionRepeated():
            absences = 0 if was.phase is Phase.STOPPED else was.absences + 1
            again = replace(was, submission=event.submission, absences=absences, repeated=True)
            return replace(
                again, tried=False, doubted="", phase=Phase.SUBMITTING, hindered=_got_on(was)
            )
        case e.SubmissionStopped():
            return replace(was, phase=Phase.STOPPED, repeated=True)
        case e.TaskHindered():
            return replace(was, hindered={**was.hindered, event.task: event.reason})
        case e.JobReported():
            return reported(was, event.report)
        case e.JobForeseen():
            return replace(was, expected=event.expected)
        case e.CancelIntended():
            return replace(was, cancelling=True, unwanted=True)
        case e.CancelSent():
            return replace(was, cancelling=False)
        case e.HoldIntended():
            return replace(was, holding=event.held)
        case e.HoldSent():
            return replace(was, holding=None, refresh=was.refresh + 1)
        case e.HoldRefused():
            return replace(was, holding=None)
        case e.CollectionIntended():
            return replace(was, collecting=event.names)
        case e.OutputsCollected():
            return replace(was, collecting=())
        case e.RefreshRequested():
            return replace(was, refresh=was.refresh + 1)
        case e.JobReleased():
            return replace(was, released=True, over=event.at, heard=event.until)
        case e.PurgeNears():
            return replace(was, warned=event.at)


def reported(job: Job, report: JobReport) -> Job:
    """A witness who has seen the job also settles whether its submission got through."""
    size, overall, words, counts = job.request.instances, None, job.instances, job.counts
    if report.instance is None:
        job_id, state = report.job_id or job.job_id, report.state
        of_all = {"instances": {state: size}} if size > 1 else {}
        overall = report.model_copy(update=of_all)
    else:
        job_id = job.job_id or report.job_id
        was = words.get(report.instance)
        counts = counted_anew(
            counts or {JobState.QUEUED: size}, was.state if was else None, report.state
        )
        words = {**words, report.instance: report}
        state = state_of(counts)
    return replace(
        job,
        overall=overall,
        instances=words,
        counts=counts,
        phase=job.phase if state is JobState.PENDING else Phase.SETTLED,
        job_id=job_id,
        expected=job.expected if state.in_line else None,
        holding=None if state.ended else job.holding,
    )


def paused(full: str) -> str:
    """What a lack of room means, for those who wait; empty: there is none."""
    return full and f"there is no room for files, nothing is submitted until there is: {full}"
