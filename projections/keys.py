"""What a sender's `Idempotency-Key` was used for: the same key for anything else is refused.

Not a projection, since the word on that must be there before a command is: a row is written before
the command is sent, so that of two at once for different things one is told. Without the rows
nothing acts twice either; a key that is reused is then taken for the same command.
"""

import hashlib
import json
from uuid import UUID

from pydantic import JsonValue

from projections.database import Connection, Queries, storable

_DDL = """
create table if not exists vestec_read.keys (
    actor text not null,
    key uuid not null,
    use bytea not null,
    held integer not null default 1,
    used timestamptz not null default now(),
    primary key (actor, key)
);
do $$ begin
    if to_regclass('vestec_read.keys_used') is null then
        create index keys_used on vestec_read.keys (used);
    end if;
end $$;
"""
"""An index that is there is not asked for again: even `if not exists` waits for who writes keys,
and one that was stopped with a statement in hand holds on to them."""
_REMEMBERED = "30 days"
_SELDOM = 64
"""One in so many keys has old ones deleted: a push waits for that."""


async def prepare_keys(connection: Connection) -> None:
    """Create the table if it is missing."""
    await connection.execute(_DDL)


async def hold_key(database: Queries, actor: str, key: UUID, use: JsonValue) -> int:
    """Bind a sender's key to a use; how often it is bound to it now, 0 if it is to another one.

    Every hold counts until `release_key`: a key is free again when all that used it were refused.
    """
    digest = hashlib.sha256(json.dumps(use, sort_keys=True).encode()).digest()
    found = await database.fetchval(
        """
        insert into vestec_read.keys as k (actor, key, use) values ($1, $2, $3)
        on conflict (actor, key) do update
            set use = excluded.use, held = k.held + 1, used = now()
            where k.use = excluded.use or k.held = 0
        returning held
        """,
        storable(actor),
        key,
        digest,
    )
    if found == 1 and key.int % _SELDOM == 0:
        await database.execute(
            "delete from vestec_read.keys where used < now() - $1::text::interval", _REMEMBERED
        )
    return found or 0


async def release_key(database: Queries, actor: str, key: UUID) -> None:
    """What held the key was refused and did nothing."""
    await database.execute(
        "update vestec_read.keys set held = held - 1 where actor = $1 and key = $2",
        storable(actor),
        key,
    )
