"""Machines: their settings, whether they answer, how loaded they are, what was sent there."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from events import machines as e
from events.checkups import Checkup
from events.envelope import Recorded
from events.machines import MOST_ESTIMATES, MachineLoad, MachineSettings, StartEstimate
from events.values import Context
from projections.database import Connection, Queries, at
from projections.projection import Fact, Projection
from projections.rows import Table


class Machine(BaseModel):
    """One machine; what was never seen of it is unknown (None)."""

    name: str
    settings: MachineSettings
    enabled: bool = False
    reachable: bool | None = None
    reason: str = ""
    """Why it cannot be reached."""
    load: MachineLoad | None = None
    login_needed: bool = False
    """Whether it does not let us in: nothing is done there until an operator says it does."""
    notice: str = ""
    """What somebody should do there before long."""
    seen: datetime | None = None
    """When reachability or load last changed."""
    checkup: Checkup | None = None
    """What the newest check found, with these settings."""
    checked: datetime | None = None
    estimates: list[StartEstimate] = []
    """The newest that somebody asked for."""
    trouble: str = ""
    """What keeps work of ours there from going on, though it is tried again and again."""
    trouble_since: datetime | None = None
    simulations: list[UUID] = []
    """Ours that were sent there and have not ended."""
    explanation: str = ""
    """Why the newest of them was."""


def _evolve(was: Machine | None, it: Recorded) -> Machine | None:
    if isinstance(it.event, e.MachineAdded):
        return Machine(name=it.event.settings.name, settings=it.event.settings)
    if isinstance(it.event, e.MachineRemoved):
        return None
    return was and was.model_copy(update=_changes(was, it))


def _changes(was: Machine, it: Recorded) -> dict[str, object]:
    match it.event:
        case e.MachineChanged(settings=settings):
            return {"settings": settings, "checkup": None, "checked": None}
        case e.MachineChecked(checkup=checkup):
            return {"checkup": checkup, "checked": at(it.time)}
        case e.StartEstimated(estimate=estimate):
            return {"estimates": [*was.estimates, estimate][-MOST_ESTIMATES:]}
        case e.MachineEnabled():
            return {"enabled": True}
        case e.MachineDisabled():
            return {"enabled": False}
        case e.LoginAllowed():
            return {"login_needed": False}
        case e.MachineSeen():
            load = it.event.load and it.event.load.after(was.load)
            seen = it.event.model_dump(exclude={"type", "version", "name", "load"})
            return {**seen, "load": load, "seen": at(it.time)}
        case e.TroubleSeen(reason=reason):
            since = (was.trouble_since or at(it.time)) if reason else None
            return {"trouble": reason, "trouble_since": since}
        case e.MachineChosen(simulation=simulation, explanation=explanation):
            return {"simulations": [*was.simulations, simulation], "explanation": explanation}
        case e.MachineRejoined(simulation=simulation):
            return {"simulations": [*was.simulations, simulation]}
        case e.MachineLeft(simulation=simulation):
            return {"simulations": [other for other in was.simulations if other != simulation]}
        case _:
            return {}


def _key(it: Recorded) -> str | None:
    if isinstance(it.event, e.MachineAdded | e.MachineChanged):
        return it.event.settings.name
    return getattr(it.event, "name", None)


TABLE = Table("machines", Machine, "name", _key, _evolve)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    await TABLE.fold(connection, [it for fact in batch for it in fact.events()])


PROJECTION = Projection(
    name="machines",
    version=6,
    contexts=(Context.MACHINES,),
    tables=("machines",),
    ddl="""
        create table vestec_read.machines (
            name text primary key,
            settings jsonb not null,
            enabled boolean not null,
            reachable boolean,
            reason text not null,
            load jsonb,
            login_needed boolean not null,
            notice text not null,
            seen timestamptz,
            checkup jsonb,
            checked timestamptz,
            estimates jsonb not null,
            trouble text not null,
            trouble_since timestamptz,
            simulations uuid[] not null,
            explanation text not null
        )
        """,
    apply=_apply,
)


async def list_machines(database: Queries) -> list[Machine]:
    """All machines, by name."""
    found = await database.fetch("select * from vestec_read.machines order by name")
    return [TABLE.parse(record) for record in found]


async def find_machine(database: Queries, name: str) -> Machine | None:
    """The machine of that name."""
    found = await database.fetchrow("select * from vestec_read.machines where name = $1", name)
    return found and TABLE.parse(found)
