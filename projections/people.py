"""Who users are and how they prove it: not a projection, and in no log.

Rows can be erased, and the log still tells its story, of an opaque id. Nothing brings them back:
back up the schema `vestec_private`.
"""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from events.users import login_digest
from projections.database import Connection, Queries

_DDL = """
create schema if not exists vestec_private;
create table if not exists vestec_private.people (
    id uuid primary key,
    login text unique not null,
    username text not null,
    name text not null,
    email text not null
);
create table if not exists vestec_private.credentials (
    kind text not null,
    name text not null,
    hash text not null,
    changed timestamptz not null default now(),
    primary key (kind, name)
);
"""

Kind = Literal["user", "endpoint"]
"""A user's password, by the user's id; or the secret of endpoints, by the name they give it."""


class Person(BaseModel):
    """A user as people know them."""

    id: UUID
    username: str
    name: str
    email: str


async def prepare_people(connection: Connection) -> None:
    """Create the tables if they are missing."""
    await connection.execute(_DDL)


async def keep_person(database: Queries, person: Person) -> None:
    """Add or replace; raises `asyncpg.UniqueViolationError` if the username is another user's."""
    await database.execute(
        """
        insert into vestec_private.people (id, login, username, name, email)
        values ($1, $2, $3, $4, $5)
        on conflict (id) do update set login = excluded.login, username = excluded.username,
            name = excluded.name, email = excluded.email
        """,
        person.id,
        login_digest(person.username),
        person.username,
        person.name,
        person.email,
    )


async def find_person(database: Queries, username: str) -> Person | None:
    """The person of a login name, whatever its case."""
    found = await database.fetchrow(
        "select * from vestec_private.people where login = $1", login_digest(username)
    )
    return found and Person.model_validate(dict(found))


async def list_people(database: Queries) -> list[Person]:
    """Everyone, by login name."""
    found = await database.fetch("select * from vestec_private.people order by username")
    return [Person.model_validate(dict(record)) for record in found]


async def erase_person(connection: Connection, id: UUID) -> None:
    """Forget who a user is and how they log in."""
    async with connection.transaction():
        await connection.execute("delete from vestec_private.people where id = $1", id)
        await forget_credential(connection, "user", str(id))


async def keep_credential(database: Queries, kind: Kind, name: str, hash: str) -> None:
    """Set the argon2 hash of a password or secret."""
    await database.execute(
        """
        insert into vestec_private.credentials (kind, name, hash) values ($1, $2, $3)
        on conflict (kind, name) do update set hash = excluded.hash, changed = now()
        """,
        kind,
        name,
        hash,
    )


async def find_credential(database: Queries, kind: Kind, name: str) -> str | None:
    """The argon2 hash of a password or secret."""
    found: str | None = await database.fetchval(
        "select hash from vestec_private.credentials where kind = $1 and name = $2", kind, name
    )
    return found


async def forget_credential(database: Queries, kind: Kind, name: str) -> None:
    """Nobody can present it any more."""
    await database.execute(
        "delete from vestec_private.credentials where kind = $1 and name = $2", kind, name
    )
