"""Endpoints that are open: whom data that arrives at a path is for, and how pulls fare."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from events import endpoints as e
from events.envelope import Recorded
from events.values import Context
from projections.database import Connection, Queries, at
from projections.projection import Fact, Projection
from projections.rows import Table

CHANGES = "vestec_endpoints"
"""The channel on which the ids of incidents are notified whose endpoints opened or closed."""


class Endpoint(BaseModel):
    """One open endpoint of an incident."""

    id: str
    incident: str
    name: str
    stage: str
    path: str | None
    """Where it is pushed to, below `/EDI/`."""
    credential: str | None
    """The name of the secret that senders must present."""
    url: str | None
    """Where it is pulled from."""
    period: float | None
    """Seconds between two pulls."""
    opened: datetime
    arrivals: int = 0
    newest: datetime | None = None
    """When the newest of them was recorded."""
    failing: str | None = None
    """Why pulls fail."""


def _evolve(was: Endpoint | None, it: Recorded) -> Endpoint | None:
    match it.event:
        case e.EndpointOpened():
            return _opened(it.event, it)
        case e.EndpointClosed():
            return None
    return was and was.model_copy(update=_changes(was, it))


def _opened(event: e.EndpointOpened, it: Recorded) -> Endpoint:
    made = event.endpoint
    return Endpoint(
        id=_id(it, made.name),
        incident=made.incident,
        name=made.name,
        stage=made.stage,
        path=made.path,
        credential=made.credential,
        url=str(made.url) if made.url else None,
        period=made.period,
        opened=at(it.time),
    )


def _changes(was: Endpoint, it: Recorded) -> dict[str, object]:
    match it.event:
        case e.DataArrived():
            return {"arrivals": was.arrivals + 1, "newest": at(it.time)}
        case e.PullFailed(reason=reason):
            return {"failing": reason}
        case e.PullRecovered():
            return {"failing": None}
        case _:
            return {}


def _id(it: Recorded, name: str) -> str:
    return f"{it.commit.key}/{name}"


def _key(it: Recorded) -> str | None:
    match it.event:
        case e.EndpointOpened(endpoint=made):
            return _id(it, made.name)
        case e.EndpointClosed() | e.PullFailed() | e.PullRecovered():
            return _id(it, it.event.name)
        case e.DataArrived(arrival=arrival):
            return _id(it, arrival.endpoint)
        case _:
            return None


TABLE = Table("endpoints", Endpoint, "id", _key, _evolve)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    recorded = [it for fact in batch for it in fact.events()]
    await TABLE.fold(connection, recorded)
    changed = {
        it.commit.key
        for it in recorded
        if isinstance(it.event, e.EndpointOpened | e.EndpointClosed)
    }
    if changed:
        await connection.execute(
            f"select pg_notify('{CHANGES}', incident) from unnest($1::text[]) incident",
            sorted(changed),
        )


PROJECTION = Projection(
    name="endpoints",
    version=1,
    contexts=(Context.ENDPOINTS,),
    tables=("endpoints",),
    ddl="""
        create table vestec_read.endpoints (
            id text primary key,
            incident text not null,
            name text not null,
            stage text not null,
            path text,
            credential text,
            url text,
            period double precision,
            opened timestamptz not null,
            arrivals bigint not null,
            newest timestamptz,
            failing text
        );
        create index on vestec_read.endpoints (path);
        create index on vestec_read.endpoints (incident);
        """,
    apply=_apply,
)


async def find_endpoint(database: Queries, path: str) -> Endpoint | None:
    """The open endpoint of a path."""
    found = await database.fetchrow(
        "select * from vestec_read.endpoints where path = $1 order by opened, id limit 1", path
    )
    return found and TABLE.parse(found)


async def pushed_endpoints(database: Queries, names: Sequence[str]) -> list[Endpoint]:
    """The open endpoints of these names that are pushed to, of all incidents."""
    found = await database.fetch(
        "select * from vestec_read.endpoints where name = any($1) and path is not null"
        " order by opened, id",
        list(names),
    )
    return [TABLE.parse(record) for record in found]


async def list_endpoints(database: Queries, incident: str) -> list[Endpoint]:
    """The open endpoints of an incident, by name."""
    found = await database.fetch(
        "select * from vestec_read.endpoints where incident = $1 order by name", incident
    )
    return [TABLE.parse(record) for record in found]
