"""What is being done on one machine: nothing but the fold of its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import JsonValue

from events import operations as e
from events.jobs import JobRequest, JobState, Token
from events.machines import PLACE, MachineLoad, MachineSettings
from events.operations import JobTask
from events.prose import day
from events.values import Event
from managers.operations.job import Folder, Job, job_of, paused, purge_of, reported


@dataclass(frozen=True, slots=True)
class MachineJobs:
    """A machine and the jobs that somebody still cares about."""

    settings: MachineSettings | None = None
    configured: int = 0
    """How often: what is under way by other settings begins anew."""
    jobs: Mapping[Token, Job] = field(default_factory=dict)
    folders: Mapping[Token, Folder] = field(default_factory=dict)
    """What is to be removed some day; those that have waited longest come first."""
    removing: Mapping[Token, Folder] = field(default_factory=dict)
    """What is being removed."""
    reachable: bool | None = None
    reason: str = ""
    load: MachineLoad | None = None
    login_needed: bool = False
    """Nothing is done there until somebody says that it may be tried again."""
    full: str = ""
    """Why nothing is submitted there: there is no room for files of ours."""
    notice: str = ""
    check: UUID | None = None
    """The check that is under way."""
    learned: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the newest one found out, as settings of the dialect."""
    estimates: Mapping[UUID, JobRequest] = field(default_factory=dict)
    """Jobs whose start is asked for."""
    turn: UUID | None = None
    """Whose it is to work there, of the processes that the machine names; None: nobody's yet."""

    @property
    def trouble(self) -> str:
        """A reason why something there does not go on; empty when there is none."""
        reasons = [paused(self.full)] if self.full else []
        reasons += [reason for job in self.jobs.values() for reason in job.hindered.values()]
        reasons += [job.stopped for job in self.jobs.values() if job.stopped is not None]
        reasons += [folder.hindered for folder in self.removing.values() if folder.hindered]
        return reasons[0] if reasons else self._purged

    @property
    def _purged(self) -> str:
        """What the centre removes before long, though it is needed."""
        warned = [job for job in self.jobs.values() if job.warned is not None]
        moments = (job.warned for job in warned if job.warned == purge_of(job, self.settings))
        first = min((moment for moment in moments if moment), default=None)
        if first is None:
            return ""
        return f"files of jobs that are still needed are removed there from {day(first)} on"


def evolve(was: MachineJobs | None, event: Event) -> MachineJobs | None:
    """The machine's jobs after an event."""
    was = was or MachineJobs()
    match event:
        case e.MachineConfigured():
            count, kept = was.configured + 1, _kept(was, event.settings)
            return replace(
                was,
                settings=event.settings,
                configured=count,
                login_needed=False,
                learned={},
                turn=None,
                folders=was.folders if kept else {},
                removing=was.removing if kept else {},
            )
        case e.MachineForgotten():
            return replace(was, settings=None, folders={}, removing={}) if was.jobs else None
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
        case e.RoomSeen():
            return replace(was, full=event.full)
        case e.RemovalIntended():
            removing = {**was.removing, event.token: was.folders[event.token]}
            return replace(was, folders=_without(was.folders, event.token), removing=removing)
        case e.FolderRemoved():
            return replace(was, removing=_without(was.removing, event.token))
        case e.TaskHindered(task=JobTask.REMOVE):
            folder = replace(was.removing[event.token], hindered=event.reason)
            return replace(was, removing={**was.removing, event.token: folder})
        case e.CheckIntended():
            return replace(was, check=event.check)
        case e.EstimateWanted():
            return replace(was, estimates={**was.estimates, event.estimate: event.request})
        case e.EstimateGiven():
            asked = {id: one for id, one in was.estimates.items() if id != event.estimate.id}
            return replace(was, estimates=asked)
        case e.CheckConcluded():
            return replace(was, check=None, learned=event.checkup.learned)
        case e.SubmissionIntended():
            return _with(was, job_of(event))
        case e.JobReported():
            return _with(was, reported(was.jobs[event.report.token], event.report))
    if isinstance(event, _OfOne):
        return _with(was, _changed(was.jobs[event.token], event))
    return was


_OfOne = (
    e.SubmissionConfirmed
    | e.SubmissionRefused
    | e.SubmissionAbandoned
    | e.SubmissionDoubted
    | e.PrivilegeRefused
    | e.SubmissionRepeated
    | e.SubmissionStopped
    | e.TaskHindered
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


def _changed(was: Job, event: _OfOne) -> Job:
    match event:
        case e.SubmissionConfirmed():
            return replace(was, submitting=False, job_id=event.job_id)
        case e.SubmissionRefused() | e.SubmissionAbandoned():
            return replace(was, submitting=False, stopped=None)
        case e.PrivilegeRefused():
            left = was.privileges[1:]
            return replace(was, submission=event.submission, privileges=left, doubted="")
        case e.SubmissionDoubted():
            return replace(was, doubted=event.reason)
        case e.SubmissionRepeated():
            absences = was.absences + 1 if was.stopped is None else 0
            again = replace(was, submission=event.submission, absences=absences, repeated=True)
            return replace(again, doubted="", stopped=None)
        case e.SubmissionStopped():
            return replace(was, stopped=event.reason, doubted="", repeated=True)
        case e.TaskHindered():
            return replace(was, hindered={**was.hindered, event.task: event.reason})
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
            return replace(was, released=True, over=event.at)
        case e.PurgeNears():
            return replace(was, warned=event.at)


def _with(was: MachineJobs, job: Job) -> MachineJobs:
    """Trouble with what is done is over."""
    if job.hindered.keys() - job.tasks:
        left = {task: why for task, why in job.hindered.items() if task in job.tasks}
        job = replace(job, hindered=left)
    jobs = {**was.jobs, job.token: job}
    if job.released and not job.cancelling:
        del jobs[job.token]
        was = _leaving(was, job)
    return replace(was, jobs=jobs)


def _leaving(was: MachineJobs, job: Job) -> MachineJobs:
    """Its folder, if it is to be removed; one of a lost job keeps it from starting."""
    wanted = was.settings is not None and was.settings.folders.keep is not None
    over = job.report is not None and job.report.state.ended and job.report.state != JobState.LOST
    if not wanted or not over or job.over is None:
        return was
    folder = Folder(job.incident, job.correlation, job.over)
    return replace(was, folders={**was.folders, job.token: folder})


def _kept(was: MachineJobs, settings: MachineSettings) -> bool:
    """Whether folders are removed by other settings, too."""
    if was.settings is None or settings.folders.keep is None:
        return False
    return all(getattr(was.settings, name) == getattr(settings, name) for name in PLACE)


def _without(folders: Mapping[Token, Folder], gone: Token) -> Mapping[Token, Folder]:
    return {token: folder for token, folder in folders.items() if token != gone}
