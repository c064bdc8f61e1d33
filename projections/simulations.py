"""Simulations: where each is in its life, who said so, and what came out of it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from events import simulations as e
from events.envelope import Recorded
from events.jobs import JobState, Witness
from events.values import Blob, Context, Urgency
from projections.database import Connection, Queries, at, when
from projections.projection import Fact, Projection
from projections.rows import Table


class Simulation(BaseModel):
    """One simulation; `started` and `ended` are by the machine's clock."""

    id: UUID
    incident: str
    kind: str
    exercise: bool
    urgency: Urgency
    state: JobState = JobState.CREATED
    witness: Witness = Witness.OURSELVES
    """Who said that it is in this state."""
    changed: datetime
    created: datetime
    submitted: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    walltime: int
    """Seconds."""
    machine: str | None = None
    explanation: str = ""
    """Why this machine."""
    job_id: str | None = None
    attempt: int = 1
    host: str | None = None
    exit_code: int | None = None
    reason: str = ""
    expected: datetime | None = None
    """When its batch system expects to start it, as long as it waits and is not held."""
    instances: dict[JobState, int] = {}
    """Of an array: how many are in which state."""
    cancelling: bool = False
    """Somebody asked for its end; no witness has confirmed it yet."""
    outputs: dict[str, Blob] = {}
    missing: list[str] = []
    """Declared outputs that it did not leave as files."""


def _evolve(was: Simulation | None, it: Recorded) -> Simulation | None:
    if isinstance(it.event, e.SimulationCreated):
        return _created(it.event, it)
    return was and was.model_copy(update=_changes(was, it))


def _created(event: e.SimulationCreated, it: Recorded) -> Simulation:
    return Simulation(
        id=event.simulation,
        incident=event.incident,
        kind=event.request.kind,
        exercise=event.exercise,
        urgency=event.urgency,
        created=at(it.time),
        changed=at(it.time),
        walltime=event.request.resources.walltime,
    )


def _changes(was: Simulation, it: Recorded) -> dict[str, object]:
    match it.event:
        case e.SimulationPlaced(machine=machine, explanation=explanation):
            return {"machine": machine, "explanation": explanation}
        case e.SimulationSubmitted():
            now = at(it.time)
            return {"state": JobState.PENDING, "submitted": now, "changed": now}
        case e.SimulationStateChanged():
            return _state(was, it.event, it)
        case e.StartForeseen(expected=expected):
            return {"expected": when(expected)}
        case e.CancellationRequested(reason=reason):
            return {"cancelling": True, "reason": reason or was.reason}
        case e.OutputsKept(outputs=outputs, missing=missing, reason=reason):
            return {
                "outputs": outputs,
                "missing": list(missing),
                "reason": reason or was.reason,
            }
        case _:
            return {}


def _state(was: Simulation, event: e.SimulationStateChanged, it: Recorded) -> dict[str, object]:
    """Whoever wished its end said why, unless it ended otherwise."""
    as_wished = event.state == JobState.CANCELLED or not event.state.ended
    return {
        "state": event.state,
        "witness": event.witness,
        "changed": at(it.time),
        "job_id": event.job_id or was.job_id,
        "attempt": event.attempt,
        "host": event.host or was.host,
        "exit_code": event.exit_code,
        "started": when(event.started) or was.started,
        "ended": when(event.ended),
        "reason": was.reason if was.cancelling and as_wished else event.reason,
        "expected": was.expected if event.state.in_line else None,
        "instances": event.instances,
        "cancelling": was.cancelling and not event.state.ended,
    }


def _key(it: Recorded) -> UUID | None:
    return getattr(it.event, "simulation", None)


TABLE = Table("simulations", Simulation, "id", _key, _evolve)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    await TABLE.fold(connection, [it for fact in batch for it in fact.events()])


PROJECTION = Projection(
    name="simulations",
    version=5,
    contexts=(Context.SIMULATIONS,),
    tables=("simulations",),
    ddl="""
        create table vestec_read.simulations (
            id uuid primary key,
            incident text not null,
            kind text not null,
            exercise boolean not null,
            urgency text not null,
            state text not null,
            witness text not null,
            changed timestamptz not null,
            created timestamptz not null,
            submitted timestamptz,
            started timestamptz,
            ended timestamptz,
            walltime bigint not null,
            machine text,
            explanation text not null,
            job_id text,
            attempt numeric not null,
            host text,
            exit_code numeric,
            reason text not null,
            expected timestamptz,
            instances jsonb not null,
            cancelling boolean not null,
            outputs jsonb not null,
            missing text[] not null
        );
        create index on vestec_read.simulations (incident, created);
        """,
    apply=_apply,
)


async def list_simulations(database: Queries, incident: str) -> list[Simulation]:
    """The simulations of an incident, in order of creation."""
    found = await database.fetch(
        "select * from vestec_read.simulations where incident = $1 order by created, id", incident
    )
    return [TABLE.parse(record) for record in found]


async def newest_simulations(database: Queries, limit: int) -> list[Simulation]:
    """The newest simulations of all incidents, newest first."""
    found = await database.fetch(
        "select * from vestec_read.simulations order by created desc, id limit $1", limit
    )
    return [TABLE.parse(record) for record in found]


async def find_simulation(database: Queries, id: UUID) -> Simulation | None:
    """The simulation of that id."""
    found = await database.fetchrow("select * from vestec_read.simulations where id = $1", id)
    return found and TABLE.parse(found)
