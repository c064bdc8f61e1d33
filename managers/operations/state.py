"""What is being done on one machine: nothing but the fold of its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import JsonValue

from events import operations as e
from events.jobs import JobId, JobReport, JobRequest, RelativePath, Token
from events.machines import MachineLoad, MachineSettings, Privilege
from events.operations import JobTask
from events.values import Blob, Event, IncidentId
from managers.operations.arrays import whole


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
    job_id: JobId | None = None
    submitting: bool = True
    report: JobReport | None = None
    """The last word about it; about an array, what all the words come to."""
    instances: Mapping[int, JobReport] = field(default_factory=dict)
    """The last word about each instance of an array that anything was said of."""
    cancelling: bool = False
    collecting: tuple[RelativePath, ...] = ()
    unwanted: bool = False
    """Somebody wished its end."""
    released: bool = False
    """Forgotten as soon as the machine took the wish for its end."""
    refresh: int = 0
    """How often somebody asked to look now."""
    hindered: Mapping[JobTask, str] = field(default_factory=dict)
    """Why what there is to do for it fails."""

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
            JobTask.SUBMIT: self.submitting,
            JobTask.CANCEL: self.cancelling,
            JobTask.COLLECT: bool(self.collecting),
        }
        return frozenset(task for task, wanted in under_way.items() if wanted)


@dataclass(frozen=True, slots=True)
class MachineJobs:
    """A machine and the jobs that somebody still cares about."""

    settings: MachineSettings | None = None
    configured: int = 0
    """How often: what is under way by other settings begins anew."""
    jobs: Mapping[Token, Job] = field(default_factory=dict)
    reachable: bool | None = None
    reason: str = ""
    load: MachineLoad | None = None
    login_needed: bool = False
    """Nothing is done there until somebody says that it may be tried again."""
    notice: str = ""
    check: UUID | None = None
    """The check that is under way."""
    learned: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the newest one found out, as settings of the dialect."""
    turn: UUID | None = None
    """Whose it is to work there, of the processes that the machine names; None: nobody's yet."""

    @property
    def trouble(self) -> str:
        """A reason why something there does not go on; empty when there is none."""
        reasons = (reason for job in self.jobs.values() for reason in job.hindered.values())
        return next(reasons, "")


def evolve(was: MachineJobs | None, event: Event) -> MachineJobs | None:
    """The machine's jobs after an event."""
    was = was or MachineJobs()
    match event:
        case e.MachineConfigured():
            count = was.configured + 1
            return replace(
                was,
                settings=event.settings,
                configured=count,
                login_needed=False,
                learned={},
                turn=None,
            )
        case e.MachineForgotten():
            return replace(was, settings=None) if was.jobs else None
        case e.TurnTaken():
            return replace(was, turn=event.turn)
        case e.LoginIntended():
            return replace(was, login_needed=False)
        case e.MachineAnswered():
            return replace(
                was,
                reachable=event.reachable,
                reason=event.reason,
                load=event.load,
                login_needed=event.login_needed,
                notice=event.notice,
            )
        case e.CheckIntended():
            return replace(was, check=event.check)
        case e.CheckConcluded():
            return replace(was, check=None, learned=event.checkup.learned)
        case e.SubmissionIntended():
            made = (event.incident, event.simulation, event.request, event.inputs)
            return _with(was, Job(*made, event.correlation, event.privileges, event.account))
        case e.JobReported():
            return _with(was, reported(was.jobs[event.report.token], event.report))
        case e.SubmissionDoubted():
            return was
    if isinstance(event, _OfOne):
        return _with(was, _changed(was.jobs[event.token], event))
    return was


_OfOne = (
    e.SubmissionConfirmed
    | e.SubmissionRefused
    | e.SubmissionAbandoned
    | e.PrivilegeRefused
    | e.SubmissionRepeated
    | e.TaskHindered
    | e.CancelIntended
    | e.CancelSent
    | e.CollectionIntended
    | e.OutputsCollected
    | e.RefreshRequested
    | e.JobReleased
)


def _changed(was: Job, event: _OfOne) -> Job:
    match event:
        case e.SubmissionConfirmed():
            return replace(was, submitting=False, job_id=event.job_id)
        case e.SubmissionRefused() | e.SubmissionAbandoned():
            return replace(was, submitting=False)
        case e.PrivilegeRefused():
            return replace(was, submission=event.submission, privileges=was.privileges[1:])
        case e.SubmissionRepeated():
            return replace(was, submission=event.submission)
        case e.TaskHindered():
            return replace(was, hindered={**was.hindered, event.task: event.reason})
        case e.CancelIntended():
            return replace(was, cancelling=True, unwanted=True)
        case e.CancelSent():
            return replace(was, cancelling=False)
        case e.CollectionIntended():
            return replace(was, collecting=event.names)
        case e.OutputsCollected():
            return replace(was, collecting=())
        case e.RefreshRequested():
            return replace(was, refresh=was.refresh + 1)
        case e.JobReleased():
            return replace(was, released=True)


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
    return replace(job, report=report, instances=words, submitting=False, job_id=job_id)


def _with(was: MachineJobs, job: Job) -> MachineJobs:
    """Trouble with what is done is over."""
    if job.hindered.keys() - job.tasks:
        left = {task: why for task, why in job.hindered.items() if task in job.tasks}
        job = replace(job, hindered=left)
    jobs = {**was.jobs, job.token: job}
    if job.released and not job.cancelling:
        del jobs[job.token]
    return replace(was, jobs=jobs)
