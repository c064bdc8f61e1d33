"""What is being done on one machine: nothing but the fold of its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar
from uuid import UUID

from pydantic import JsonValue

from events import operations as e
from events.jobs import JobRequest, JobState, Token
from events.machines import MachineLoad, MachineSettings, same_login
from events.operations import JobTask
from events.prose import day
from events.values import Event
from managers.operations.folders import Folder, folder_of, purge_of, still_removed
from managers.operations.job import Job, OfJob, Phase, job_after, job_of, paused

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class MachineJobs:
    """A machine and the jobs that somebody still cares about."""

    settings: MachineSettings | None = None
    configured: int = 0
    """How often: what is under way by other settings begins anew."""
    jobs: Mapping[Token, Job] = field(default_factory=dict)
    followers: frozenset[Token] = frozenset()
    """Those of them that come after others."""
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
        reasons += [job.doubted for job in self.jobs.values() if job.phase is Phase.STOPPED]
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
            count, kept = was.configured + 1, still_removed(was.settings, event.settings)
            return replace(
                was,
                settings=event.settings,
                configured=count,
                login_needed=was.login_needed and same_login(was.settings, event.settings),
                learned={},
                turn=None,
                folders=was.folders if kept else {},
                removing=was.removing if kept else {},
            )
        case e.MachineForgotten():
            left = MachineJobs(jobs=was.jobs, followers=was.followers, configured=was.configured)
            return left if was.jobs else None
        case e.TurnTaken():
            return replace(was, turn=event.turn)
        case e.LoginIntended():
            return replace(was, login_needed=False)
        case e.MachineAnswered():
            return replace(
                was,
                reachable=event.reachable,
                reason=event.reason,
                load=event.load and event.load.after(was.load),
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
        case e.JobForgone():
            return _informed(was, event.token, event.state)
        case e.SubmissionIntended():
            return having(was, job_of(event))
    if isinstance(event, OfJob):
        return having(was, job_after(was.jobs[event.token], event))
    return was


def having(was: MachineJobs, job: Job) -> MachineJobs:
    """The machine with a job as it is now, or with what is left of it."""
    before = was.jobs.get(job.token)
    if before is None:
        others = (was.jobs.get(token) for token in job.others)
        job = job.informed({one.token: one.end for one in others if one})
        if job.others:
            was = replace(was, followers=was.followers | {job.token})
    if job.end is not (before and before.end):
        was = _informed(was, job.token, job.end)
    if not job.left:
        return replace(was, jobs={**was.jobs, job.token: job})
    folder = folder_of(job)
    kept = was.settings is not None and was.settings.folders.keep is not None
    folders = {**was.folders, job.token: folder} if folder and kept else was.folders
    jobs, followers = _without(was.jobs, job.token), was.followers - {job.token}
    return replace(was, jobs=jobs, followers=followers, folders=folders)


def _informed(was: MachineJobs, over: Token, end: JobState | None) -> MachineJobs:
    """Those who come after one that is over know its end then: it may be forgotten before."""
    theirs = (was.jobs[token] for token in was.followers)
    told = {job.token: job.informed({over: end}) for job in theirs if over in job.others}
    return replace(was, jobs={**was.jobs, **told}) if told else was


def _without(known: Mapping[Token, V], gone: Token) -> Mapping[Token, V]:
    return {token: one for token, one in known.items() if token != gone}
