"""How long what jobs leave on a machine lasts: until we remove it, and until its centre does."""

from collections.abc import Iterator

from events import operations as e
from managers.operations.job import purge_of
from managers.operations.state import MachineJobs
from managers.runtime import Effect

_DAY = 86400.0
_AT_ONCE = 20
"""Folders that are being removed at most: many may be due together."""
_WARNED_BEFORE = 7.0
"""Days before the centre removes what is still needed; at most a quarter of how long it lasts."""


def due(machine: MachineJobs) -> float | None:
    """When a folder is to be removed next, or somebody to be warned, in seconds since the epoch."""
    moments = [moment for moment, _ in (*_removals(machine), *_warnings(machine))]
    return min(moments, default=None)


def look(machine: MachineJobs, now: float) -> Iterator[Effect]:
    """What is due."""
    removals = sorted(_removals(machine), key=lambda removal: removal[0])
    room = _AT_ONCE - sum(folder.removing for folder in machine.folders.values())
    for effects in (removals[:room], _warnings(machine)):
        yield from (effect for moment, effect in effects if moment <= now)


def _removals(machine: MachineJobs) -> Iterator[tuple[float, e.RemovalIntended]]:
    keep = machine.settings.folders.keep if machine.settings else None
    waiting = {token: f for token, f in machine.folders.items() if not f.removing}
    if keep is None or len(machine.folders) - len(waiting) >= _AT_ONCE:
        return
    for token, folder in waiting.items():
        intended = e.RemovalIntended(token=token, incident=folder.incident)
        yield folder.since + keep * _DAY, intended


def _warnings(machine: MachineJobs) -> Iterator[tuple[float, e.PurgeNears]]:
    purge = machine.settings.folders.purge if machine.settings else None
    if purge is None:
        return
    before = min(_WARNED_BEFORE, purge / 4) * _DAY
    for token, job in machine.jobs.items():
        at = purge_of(job, machine.settings)
        if at is not None and at != job.warned:
            ended = bool(job.collecting)
            nears = e.PurgeNears(token=token, incident=job.incident, at=at, ended=ended)
            yield at - before, nears
