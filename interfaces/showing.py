"""One simulation and one machine with all that is known of them.

For every edge that shows them: the gateway and the command line, so that both tell the same.
"""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from events.jobs import token_of
from interfaces.machines.scripts.layout import layout_of
from projections import Pool
from projections.folders import Dates, dates_of, find_folder, next_dates
from projections.machines import Machine, find_machine
from projections.simulations import Simulation, find_simulation


class FolderDates(BaseModel):
    """Until when folders of jobs last: the earliest date; None: there is none, or nobody says."""

    folder_kept_until: datetime | None = None
    """When we remove it."""
    folder_purged_from: datetime | None = None
    """When its centre begins to remove what is in it."""


class ShownMachine(FolderDates, Machine):
    """A machine, and when the next folder of a job on it is removed."""


class ShownSimulation(FolderDates, Simulation):
    """A simulation, and where its files are."""

    folder: str | None = None
    """On its machine; None: there is none yet, or the machine is gone or another place now."""
    copies: int = 0
    """Of its job, that were turned away before its program started."""
    folder_removed: datetime | None = None


async def shown_machine(pool: Pool, name: str) -> ShownMachine | None:
    """The machine of that name."""
    if (found := await find_machine(pool, name)) is None:
        return None
    return ShownMachine(**{**dict(found), **_named(await next_dates(pool, name))})


async def shown_simulation(pool: Pool, id: UUID) -> ShownSimulation | None:
    """The simulation of that id."""
    if (found := await find_simulation(pool, id)) is None:
        return None
    machine = found.machine and await find_machine(pool, found.machine)
    if not machine:
        return ShownSimulation(**dict(found))
    token = token_of(id)
    facts: dict[str, object] = {"folder": str(layout_of(machine.settings).folder(token))}
    if folder := await find_folder(pool, token):
        dates = _named(await dates_of(pool, folder))
        facts |= {"copies": folder.copies, "folder_removed": folder.removed, **dates}
        if folder.away:
            facts["folder"] = None
    return ShownSimulation(**{**dict(found), **facts})


def _named(dates: Dates) -> dict[str, datetime | None]:
    return {"folder_kept_until": dates.kept_until, "folder_purged_from": dates.purged_from}
