"""How far each projection has read, kept with its rows: the rule that lets two runners do no harm.

A batch moves the positions from where it believes them to be, before it touches any row. Whoever
finds one moved has lost, and changed nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import NamedTuple

from bus import START, Position
from events.values import Context
from projections.database import Connection, Queries
from projections.projection import SCHEMA

MOVED = "vestec_read"
"""The channel on which the names of projections are notified that took something in."""

Source = tuple[Context, int]
"""A partition of a context's events."""


class AnotherRunner(Exception):
    """Another runner of the projection was faster."""


class Mark(NamedTuple):
    """How far a partition was folded, and the time of the newest event that was."""

    position: Position
    as_of: datetime | None


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
