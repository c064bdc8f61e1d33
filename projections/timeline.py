"""Everything that happened, one row per event of all contexts, in the order it became known here.

Serial numbers are given while the projection's one row is locked, so that they are committed in
their order: a reader that goes on behind one never misses an event. A rebuild gives every event a
new and larger one, so that readers go on by what they have seen (`seen`), never by these alone.
"""

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, JsonValue

from events.envelope import Recorded
from events.values import Context, Event
from projections.database import Connection, Queries, storable, storable_json
from projections.projection import SCHEMA, Fact, Projection
from projections.seen import Seen


class TimelineEvent(BaseModel):
    """One event, its place in the log and its circumstances."""

    id: str
    """Its place, the same for ever."""
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
_COLUMNS = ", ".join(
    [
        """concat_ws('/', context, partition, "offset", "index") as id""",
        *(f'"{name}"' for name in _NAMES),
    ]
)


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
    version=2,
    contexts=tuple(Context),
    tables=("timeline",),
    ddl="""
        create sequence if not exists vestec_read.timeline_id;
        create table vestec_read.timeline (
            serial bigint primary key default nextval('vestec_read.timeline_id'),
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
        create index on vestec_read.timeline (incident, serial);
        create unique index on vestec_read.timeline (context, partition, "offset", "index");
        create index on vestec_read.timeline (incident, time);
        """,
    apply=_apply,
    durable=True,
)


async def read_timeline(
    database: Queries,
    seen: Seen,
    incidents: Sequence[str] | None = None,
    limit: int = 200,
    after: int = 0,
) -> list[tuple[int, TimelineEvent]]:
    """Events that were not seen, with their serial numbers and in their order.

    Of some incidents, or (None) of all and of none; `after` is a serial number to begin behind.
    """
    found = await database.fetch(
        f"""
        select serial, {_COLUMNS} from vestec_read.timeline t
        left join unnest($1::text[], $2::int[], $3::bigint[], $4::int[])
            as s(context, partition, seen_offset, seen_index) using (context, partition)
        where serial > $5 and ($6::text[] is null or incident = any($6))
          and (seen_offset is null or ("offset", "index") > (seen_offset, seen_index))
        order by serial limit $7
        """,
        *seen.columns(),
        after,
        incidents,
        limit,
    )
    return [(record["serial"], TimelineEvent.model_validate(dict(record))) for record in found]


async def serial_before(database: Queries, seen: Seen) -> int:
    """A serial number behind which all lies that was not seen."""
    found: int = await database.fetchval(
        f"""
        select coalesce(
            min(serial) - 1, (select coalesce(max(serial), 0) from vestec_read.timeline))
        from {SCHEMA}.positions p
        left join unnest($1::text[], $2::int[], $3::bigint[], $4::int[])
            as s(context, partition, seen_offset, seen_index) using (context, partition)
        cross join lateral (
            select serial from vestec_read.timeline t
            where t.context = p.context and t.partition = p.partition
              and (t."offset", t."index") > (coalesce(seen_offset, -1), coalesce(seen_index, -1))
            order by t."offset", t."index" limit 1
        ) as first
        where p.projection = 'timeline'
        """,
        *seen.columns(),
    )
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
