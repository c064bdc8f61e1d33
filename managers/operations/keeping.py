"""How long what jobs leave on a machine lasts: until we remove it, and until its centre does."""

from collections.abc import Iterator
from itertools import islice

from events import operations as e
from events.jobs import Token
from events.machines import MachineFolders
from events.values import DAY
from managers.operations.folders import Folder, purge_of
from managers.operations.job import Job
from managers.operations.state import MachineJobs
from managers.operations.submitting import tell_of_room, untold_of_room
from managers.portions import at_once, portion
from managers.runtime import Effect

_AT_ONCE = 20
"""Folders that are being removed at most: many may be due together."""
_WARNED_BEFORE = 7.0
"""Days before the centre removes what is still needed; at most a quarter of how long it lasts."""


def due(machine: MachineJobs) -> float | None:
    """When a folder is to be removed next, or somebody to be told, in seconds since the epoch."""
    if untold := sum(1 for _ in untold_of_room(machine)):
        return at_once(untold)
    moments = [moment for moment, *_ in (*_removals(machine), *_warnings(machine))]
    return min(moments, default=None)


def look(machine: MachineJobs, now: float) -> Iterator[Effect]:
    """What is due."""
    yield from tell_of_room(machine)
    for moment, token, folder in _removals(machine):
        if moment <= now:
            yield e.RemovalIntended(token=token, incident=folder.incident)
    near = ((job, at) for moment, job, at in _warnings(machine) if moment <= now)
    yield from portion([_nears(job, at)] for job, at in near)[0]


def _nears(job: Job, at: float) -> e.PurgeNears:
    return e.PurgeNears(token=job.token, incident=job.incident, at=at, ended=bool(job.collecting))


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
