"""Folders of jobs on a machine: how long they last, for whoever cleans up and whoever shows it."""

from dataclasses import dataclass
from uuid import UUID

from events.machines import MachineSettings, moved
from events.values import IncidentId
from managers.operations.job import Job


@dataclass(frozen=True, slots=True)
class Folder:
    """What is left on its machine of a job that nobody asks about any more."""

    incident: IncidentId
    correlation: UUID | None
    since: float
    """When that began, in seconds since the epoch."""
    hindered: str = ""
    """Why it cannot be removed."""


def folder_of(job: Job) -> Folder | None:
    """What is to be removed of a job that is left, where its machine's settings say so.

    None: nothing. The folder of a lost job keeps it from starting.
    """
    if job.end is None or job.over is None:
        return None
    return Folder(job.incident, job.correlation, job.over)


def still_removed(was: MachineSettings | None, now: MachineSettings | None) -> bool:
    """Whether folders that were to be removed some day are so by other settings, too."""
    if was is None or now is None or moved(was, now):
        return False
    return None not in (was.folders.keep, now.folders.keep)


def purge_of(job: Job, settings: MachineSettings | None) -> float | None:
    """When its centre removes files of a job that are still needed; None: never, or none are."""
    if settings is None or job.written is None or (job.has_ended and not job.collecting):
        return None
    return settings.folders.purged_from(job.written)
