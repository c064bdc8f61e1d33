"""How long what jobs leave on a machine lasts: until we remove it, and until its centre does."""

from collections.abc import Iterator
from itertools import islice

from events import operations as e
from events.jobs import Token
from events.machines import MachineFolders
from events.values import DAY
from managers.operations.folders import Folder, purge_of
from managers.operations.job import Job
from managers.operations.state import MachineJobs, evolve
from managers.operations.submitting import tell_of_room, untold_of_room
from managers.portions import at_once, portion
from managers.runtime import Decided, Effect

_AT_ONCE = 20
"""Folders that are being removed at most: many may be due together."""
_WARNED_BEFORE = 7.0
"""Days before the centre removes what is still needed; at most a quarter of how long it lasts."""


_HEARD = 3600.0
"""Seconds for which an end that may not be the last is followed: Slurm forgets ended jobs, which
then cannot be requeued, after five minutes where a site does not say otherwise."""


def released(job: Job, attempt: int | None, now: float) -> e.JobReleased:
    """Nobody asks about it any more, unless it is requeued, or was while that was said."""
    began_anew = attempt is not None and job.report is not None and job.report.attempt > attempt
    until = now + _HEARD if job.may_be_requeued or began_anew else None
    return e.JobReleased(token=job.token, at=now, until=until)


def ended_again(was: Job, decided: Decided[MachineJobs], now: float) -> Decided[MachineJobs]:
    """What is decided about a job that was released: its new end is followed up as its first."""
    state = decided.state
    job = state.jobs.get(was.token) if state else None
    if was.heard is None or job is None or not decided.effects or not job.has_ended:
        return decided
    longer = e.JobReleased(token=was.token, at=now, until=now + _HEARD)
    return Decided([*decided.effects, longer], evolve(state, longer))


def due(machine: MachineJobs) -> float | None:
    """When a folder is to be removed next, or somebody to be told, in seconds since the epoch."""
    if untold := sum(1 for _ in untold_of_room(machine)):
        return at_once(untold)
    moments = [moment for moment, *_ in (*_removals(machine), *_warnings(machine))]
    moments += [moment for moment, _ in _heard(machine)]
    return min(moments, default=None)


def look(machine: MachineJobs, now: float) -> Iterator[Effect]:
    """What is due."""
    yield from tell_of_room(machine)
    for moment, token, folder in _removals(machine):
        if moment <= now:
            yield e.RemovalIntended(token=token, incident=folder.incident)
    near = ((job, at) for moment, job, at in _warnings(machine) if moment <= now)
    yield from portion([_nears(job, at)] for job, at in near)[0]
    forgotten = (job for moment, job in _heard(machine) if moment <= now)
    yield from portion([e.JobReleased(token=job.token, at=job.over)] for job in forgotten)[0]


def _nears(job: Job, at: float) -> e.PurgeNears:
    return e.PurgeNears(token=job.token, incident=job.incident, at=at, ended=bool(job.collecting))


def _heard(machine: MachineJobs) -> Iterator[tuple[float, Job]]:
    """Until when who are heard that are released; those who began anew, until they have ended."""
    for job in machine.jobs.values():
        if job.heard is not None and job.has_ended and not job.collecting:
            yield job.heard, job


def _removals(machine: MachineJobs) -> Iterator[tuple[float, Token, Folder]]:
    """When which folders are to be removed: as many of the oldest as may be now."""
    lasts = machine.settings.folders if machine.settings else MachineFolders()
    oldest = islice(machine.folders.items(), max(0, _AT_ONCE - len(machine.removing)))
    for token, folder in oldest:
        if (until := lasts.kept_until(folder.since)) is not None:
            yield until, token, folder


def _warnings(machine: MachineJobs) -> Iterator[tuple[float, Job, float]]:
    """When somebody is to be warned, of which job, and that its files are removed when."""
    purge = machine.settings.folders.purge if machine.settings else None
    if purge is None:
        return
    before = min(_WARNED_BEFORE, purge / 4) * DAY
    for job in machine.jobs.values():
        at = purge_of(job, machine.settings)
        if at is not None and at != job.warned:
            yield at - before, job, at
