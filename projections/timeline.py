"""Everything that happened, one row per event of all contexts, in an order that only grows.

Ids are given while the projection's one row is locked, so that they are committed in their order: a
reader that goes on behind an id never misses one. They are never used again, not after a rebuild
either: a reader that goes on across one meets events again, which are known by their place.
"""

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, JsonValue

from events.envelope import Recorded
from events.values import Context, Event
from projections.database import Connection, Queries, storable, storable_json
from projections.projection import SCHEMA, Fact, Projection


class TimelineEvent(BaseModel):
    """One event, its place in the log and its circumstances."""

    id: int
    context: Context
    partition: int
    offset: int
    index: int
    """Within its commit."""
    epoch: int
    time: int
    """Hybrid logical time: milliseconds since the epoch, shifted left by 16 bits, and a counter."""
    incident: str | None
    type: str
    event: JsonValue
    cause: str
    correlation: UUID
    actor: str
    commit_id: UUID


_NAMES = [name for name in TimelineEvent.model_fields if name != "id"]
_COLUMNS = ", ".join(f'"{name}"' for name in ("id", *_NAMES))


def _row(it: Recorded) -> tuple[object, ...]:
    commit = it.commit
    return (
        it.context.value,
        it.partition,
        it.offset,
        it.index,
        it.epoch,
        it.time,
        _incident(it),
        type(it.event).__name__,
        _json(it.event),
        storable(commit.cause),
        commit.correlation,
        storable(commit.actor),
        commit.id,
    )


def _incident(it: Recorded) -> str | None:
    incident: str | None = it.commit.incident or getattr(it.event, "incident", None)
    return storable(incident) if incident else None


def _json(event: Event) -> str:
    return storable_json(event.model_dump_json())


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    rows = [_row(it) for fact in batch for it in fact.events()]
    if rows:
        await connection.copy_records_to_table(
            "timeline", records=rows, columns=_NAMES, schema_name=SCHEMA
        )


PROJECTION = Projection(
    name="timeline",
    version=1,
    contexts=tuple(Context),
    tables=("timeline",),
    ddl="""
        create sequence if not exists vestec_read.timeline_id;
        create table vestec_read.timeline (
            id bigint primary key default nextval('vestec_read.timeline_id'),
            context text not null,
            partition integer not null,
            "offset" bigint not null,
            "index" integer not null,
            epoch bigint not null,
            time bigint not null,
            incident text,
            type text not null,
            event jsonb not null,
            cause text not null,
            correlation uuid not null,
            actor text not null,
            commit_id uuid not null
        );
        create index on vestec_read.timeline (incident, id);
        create index on vestec_read.timeline (incident, time);
        """,
    apply=_apply,
    durable=True,
)


async def read_timeline(
    database: Queries, after: int, incidents: Sequence[str] | None = None, limit: int = 200
) -> list[TimelineEvent]:
    """Events behind an id in the order of ids: of some incidents, or (None) of all and of none."""
    found = await database.fetch(
        f"""
        select {_COLUMNS} from vestec_read.timeline
        where id > $1 and ($2::text[] is null or incident = any($2)) order by id limit $3
        """,
        after,
        incidents,
        limit,
    )
    return [TimelineEvent.model_validate(dict(record)) for record in found]


async def last_id(database: Queries) -> int:
    """The id of the newest event; 0 when there is none."""
    found: int = await database.fetchval("select coalesce(max(id), 0) from vestec_read.timeline")
    return found


async def incident_timeline(database: Queries, incident: str) -> list[TimelineEvent]:
    """All events of an incident, causes before effects."""
    found = await database.fetch(
        f"""
        select {_COLUMNS} from vestec_read.timeline where incident = $1
        order by time, context, partition, "offset", "index"
        """,
        incident,
    )
    return [TimelineEvent.model_validate(dict(record)) for record in found]
