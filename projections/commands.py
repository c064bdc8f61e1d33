"""What became of every command: whoever issued one waits here for the word on it.

Kept are commands from outside, by the id that their sender chose, and whatever was refused. What
processes of ours tell one another is kept only then: they read in the log what becomes of it. Of a
command that was sent twice the acceptance counts; otherwise the newest refusal.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from events.values import SYSTEM, Context
from projections.database import Connection, Queries, at, storable
from projections.projection import Fact, Projection


class Outcome(BaseModel):
    """The word on one command."""

    id: UUID
    context: Context
    partition: int
    offset: int
    """Of the commit, in the context's events."""
    actor: str
    incident: str | None
    accepted: bool
    command: str | None
    """What was refused, by its type."""
    reason: str | None
    """Why it was refused."""
    taken: int | None
    """Its own offset in the context's commands, if it came from outside."""
    decided: datetime


_COLUMNS = (
    'id, context, partition, "offset", actor, incident, accepted, command, reason, taken, decided'
)
_INSERT = f"""
    insert into vestec_read.commands ({_COLUMNS})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    on conflict (id, actor, context, partition) do update set
        "offset" = excluded."offset", incident = excluded.incident, accepted = excluded.accepted,
        command = excluded.command, reason = excluded.reason, taken = excluded.taken,
        decided = excluded.decided
    where not commands.accepted
"""


def _row(fact: Fact) -> tuple[object, ...]:
    commit, refused = fact.commit, fact.commit.rejection
    return (
        commit.id,
        fact.context.value,
        fact.partition,
        fact.offset,
        storable(commit.actor),
        commit.incident and storable(commit.incident),
        refused is None,
        refused and refused.command,
        refused and storable(refused.reason),
        commit.cursor.offset - 1 if commit.cursor and _from_outside(fact) else None,
        at(fact.time),
    )


def _is_awaited(fact: Fact) -> bool:
    return _from_outside(fact) and fact.commit.actor != SYSTEM


def _from_outside(fact: Fact) -> bool:
    return fact.commit.cursor is not None and fact.commit.cursor.source == "commands"


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    rows = [_row(fact) for fact in batch if fact.commit.rejection or _is_awaited(fact)]
    if rows:
        await connection.executemany(_INSERT, rows)


PROJECTION = Projection(
    name="commands",
    version=2,
    contexts=tuple(Context),
    tables=("commands",),
    ddl="""
        create table vestec_read.commands (
            id uuid not null,
            context text not null,
            partition integer not null,
            "offset" bigint not null,
            actor text not null,
            incident text,
            accepted boolean not null,
            command text,
            reason text,
            taken bigint,
            decided timestamptz not null,
            primary key (id, actor, context, partition)
        )
        """,
    apply=_apply,
)


async def find_outcome(database: Queries, id: UUID, actor: str | None = None) -> Outcome | None:
    """The word on a command, of one actor or of any; None: not decided, or not known yet."""
    found = await database.fetchrow(
        f"""
        select {_COLUMNS} from vestec_read.commands
        where id = $1 and ($2::text is null or actor = $2)
        order by accepted desc, context, partition, actor limit 1
        """,
        id,
        actor,
    )
    return found and Outcome.model_validate(dict(found))
