"""One job on a machine, and what is left of it: parts of the fold."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from events import operations as e
from events.jobs import JobId, JobReport, JobRequest, JobState, RelativePath, Token
from events.machines import MachineSettings, Privilege
from events.operations import JobTask
from events.values import Blob, IncidentId
from managers.operations.arrays import whole

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
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
    submitting: bool = True
    doubted: str = ""
    """Why this submission may have got through; empty: nobody doubts it."""
    stopped: str | None = None
    """What the last one ended with, if it is not submitted before somebody wishes it."""
    report: JobReport | None = None
    """The last word about it; about an array, what all the words come to."""
    instances: Mapping[int, JobReport] = field(default_factory=dict)
    """The last word about each instance of an array that anything was said of."""
    expected: float | None = None
    """When the batch system expects to start it, as was told last; seconds since the epoch."""
    cancelling: bool = False
    holding: bool | None = None
    """Whether it is being held (true) or released (false); None: neither."""
    collecting: tuple[RelativePath, ...] = ()
    unwanted: bool = False
    """Somebody wished its end."""
    released: bool = False
    """Forgotten as soon as the machine took the wish for its end."""
    refresh: int = 0
    """How often somebody asked to look now."""
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

    def word(self, instance: int | None) -> JobReport | None:
        """The last one about an instance, or about all of it."""
        return self.report if instance is None else self.instances.get(instance)

    @property
    def asked(self) -> JobRequest:
        """The request as it is submitted now.

        Its account goes over what it says itself, and its privilege over both.
        """
        options = self.request.options
        update: dict[str, object] = {"account": self.account or options.account}
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
            JobTask.SUBMIT: self.submitting and self.stopped is None,
            JobTask.CANCEL: self.cancelling,
            JobTask.HOLD: self.holding is True,
            JobTask.RELEASE: self.holding is False,
            JobTask.COLLECT: bool(self.collecting),
        }
        return frozenset(task for task, wanted in under_way.items() if wanted)


@dataclass(frozen=True, slots=True)
class Folder:
    """What is left on its machine of a job that nobody asks about any more."""

    incident: IncidentId
    correlation: UUID | None
    since: float
    """When that began, in seconds since the epoch."""
    hindered: str = ""
    """Why it cannot be removed."""


def job_of(event: e.SubmissionIntended) -> Job:
    """The job that is to be submitted."""
    made = (event.incident, event.simulation, event.request, event.inputs)
    return Job(*made, event.correlation, event.privileges, event.account, begun=event.at)


def reported(job: Job, report: JobReport) -> Job:
    """A witness who has seen the job also settles whether its submission got through."""
    size = job.request.instances
    if report.instance is None:
        job_id, words = report.job_id or job.job_id, job.instances
        if size > 1:
            report = report.model_copy(update={"instances": {report.state: size}})
    else:
        job_id = job.job_id or report.job_id
        words = {**job.instances, report.instance: report}
        report = whole(job.token, size, job_id, words)
    waits = job.submitting and report.state is JobState.PENDING
    now = replace(job, report=report, instances=words, submitting=waits, job_id=job_id)
    return replace(now, holding=None) if report.state.ended else now


def purge_of(job: Job, settings: MachineSettings | None) -> float | None:
    """When its centre removes files of a job that are still needed; None: never, or none are."""
    purge = settings.folders.purge if settings else None
    if purge is None or job.submitting:
        return None
    written, report = job.begun, job.report
    if report is not None and report.state.ended:
        if not job.collecting:
            return None
        written = report.ended or written
    return None if written is None else written + purge * _DAY


def paused(full: str) -> str:
    """What a lack of room means, for those who wait; empty: there is none."""
    return full and f"there is no room for files, nothing is submitted until there is: {full}"
