"""How far each projection has read, kept with its rows: the rules that let two runners do no harm.

A batch first claims its projection's row, which holds up every other batch of it, and then moves
the positions from where it believes them to be. Whoever finds one moved has lost, and changed
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import NamedTuple

from bus import START, Position
from events.values import Context
from projections.database import Connection, Queries
from projections.projection import SCHEMA, Projection

MOVED = "vestec_read"
"""The channel on which the names of projections are notified that took something in."""

Source = tuple[Context, int]
"""A partition of a context's events."""


class AnotherRunner(Exception):
    """Another runner of the projection was faster."""


class Rebuilt(Exception):
    """The projection's tables were made anew meanwhile."""


class NewerVersion(Exception):
    """The tables were made by a newer version of this program; rebuild to go back."""


class Mark(NamedTuple):
    """How far a partition was folded, and the time of the newest event that was."""

    position: Position
    as_of: datetime | None


async def prepare(connection: Connection) -> None:
    """Create what all projections share, once, however many processes start at a time."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(hashtext('vestec_read'))")
        await connection.execute(f"""
            create schema if not exists {SCHEMA};
            create table if not exists {SCHEMA}.projections (
                name text primary key,
                version integer not null,
                build integer not null,
                moved timestamptz
            );
            create table if not exists {SCHEMA}.positions (
                projection text not null,
                context text not null,
                partition integer not null,
                "offset" bigint not null,
                epoch bigint not null,
                sequence bigint not null,
                nonce text not null,
                as_of timestamptz,
                primary key (projection, context, partition)
            );
        """)


async def ensure(connection: Connection, projection: Projection) -> int:
    """Make the projection's tables if they are missing or older; return the number of the build."""
    async with connection.transaction():
        version, build = await _locked(connection, projection)
        if version > projection.version:
            raise NewerVersion(
                f"projection {projection.name} has version {version}, this program makes version"
                f" {projection.version}: use the newer program, or rebuild the projection"
            )
        return build if version == projection.version else await _rebuild(connection, projection)


async def rebuild(connection: Connection, projection: Projection) -> None:
    """Drop the projection's tables and begin again; runners go on with the new build."""
    async with connection.transaction():
        await _locked(connection, projection)
        await _rebuild(connection, projection)


async def _locked(connection: Connection, projection: Projection) -> tuple[int, int]:
    await connection.execute(
        f"insert into {SCHEMA}.projections values ($1, 0, 0) on conflict do nothing",
        projection.name,
    )
    found = await connection.fetch(
        f"select version, build from {SCHEMA}.projections where name = $1 for update",
        projection.name,
    )
    version, build = found[0]
    return version, build


async def _rebuild(connection: Connection, projection: Projection) -> int:
    for table in projection.tables:
        await connection.execute(f"drop table if exists {SCHEMA}.{table}")
    await connection.execute(
        f"delete from {SCHEMA}.positions where projection = $1", projection.name
    )
    await connection.execute(projection.ddl)
    build: int = await connection.fetchval(
        f"""
        update {SCHEMA}.projections set version = $2, build = build + 1, moved = now()
        where name = $1 returning build, pg_notify('{MOVED}', name)
        """,
        projection.name,
        projection.version,
    )
    return build


async def begin(database: Queries, projection: str, sources: Sequence[Source]) -> None:
    """Note that nothing was read yet of the partitions that are new."""
    await database.execute(
        f"""
        insert into {SCHEMA}.positions
        select $1, context, partition, $4, $5, $6, $7
        from unnest($2::text[], $3::int[]) as s(context, partition) on conflict do nothing
        """,
        projection,
        [context.value for context, _ in sources],
        [partition for _, partition in sources],
        *astuple(START),
    )


async def load(database: Queries, projection: str) -> dict[Source, Mark]:
    """How far the projection has read, by partition."""
    return (await load_all(database, [projection])).get(projection, {})


async def load_all(
    database: Queries, projections: Sequence[str] | None = None
) -> dict[str, dict[Source, Mark]]:
    """How far these projections, or all, have read, by projection and partition."""
    found = await database.fetch(
        f"""
        select projection, context, partition, "offset", epoch, sequence, nonce, as_of
        from {SCHEMA}.positions where $1::text[] is null or projection = any($1)
        """,
        projections,
    )
    marks: dict[str, dict[Source, Mark]] = {}
    for projection, context, partition, *position, as_of in found:
        of_one = marks.setdefault(projection, {})
        of_one[Context(context), partition] = Mark(Position(*position), as_of)
    return marks


async def current_build(database: Queries, projection: str) -> int | None:
    """The number of the projection's present build."""
    build: int | None = await database.fetchval(
        f"select build from {SCHEMA}.projections where name = $1", projection
    )
    return build


async def claim(connection: Connection, projection: Projection, build: int) -> None:
    """Hold up all other batches until the transaction ends; wake readers when it does."""
    found = await connection.fetchrow(
        f"""
        update {SCHEMA}.projections set moved = now() where name = $1 and build = $2
        returning pg_notify('{MOVED}', name), set_config('synchronous_commit', $3, true)
        """,
        projection.name,
        build,
        "on" if projection.durable else "off",
    )
    if found is None:
        raise Rebuilt(f"projection {projection.name} was rebuilt meanwhile")


async def move(
    connection: Connection,
    projection: str,
    before: Mapping[Source, Mark],
    after: Mapping[Source, Mark],
) -> None:
    """Move positions; raises `AnotherRunner` if any is not where it was believed to be."""
    moved = await connection.fetch(_MOVE, projection, *_columns(before, after))
    if len(moved) != len(after):
        raise AnotherRunner(f"another runner of projection {projection} was faster")


def _columns(before: Mapping[Source, Mark], after: Mapping[Source, Mark]) -> list[list[object]]:
    rows = []
    for source, (new, as_of) in after.items():
        old = before[source].position
        rows.append((source[0].value, source[1], *astuple(old), *astuple(new), as_of))
    return [list(column) for column in zip(*rows, strict=True)]


_MOVE = f"""
    update {SCHEMA}.positions p set
        "offset" = m."offset", epoch = m.epoch, sequence = m.sequence, nonce = m.nonce,
        as_of = coalesce(m.as_of, p.as_of)
    from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
                $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::timestamptz[])
        as m(context, partition, old_offset, old_epoch, old_sequence, old_nonce,
             "offset", epoch, sequence, nonce, as_of)
    where p.projection = $1 and p.context = m.context and p.partition = m.partition
      and (p."offset", p.epoch, p.sequence, p.nonce)
          = (m.old_offset, m.old_epoch, m.old_sequence, m.old_nonce)
    returning 1
    """
