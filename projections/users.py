"""Users by their opaque ids, and what they may; their names are in `projections.people`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from events import users as e
from events.envelope import Recorded
from events.values import Context
from projections.database import Connection, Queries, at
from projections.projection import Fact, Projection
from projections.rows import Table


class User(BaseModel):
    """One user."""

    id: UUID
    login: str
    """The digest of the login name."""
    administrator: bool
    enabled: bool = True
    added: datetime


def _evolve(was: User | None, it: Recorded) -> User | None:
    match it.event:
        case e.UserAdded(user=user, login=login, administrator=administrator):
            return User(id=user, login=login, administrator=administrator, added=at(it.time))
        case e.UserEnabled():
            return was and was.model_copy(update={"enabled": True})
        case e.UserDisabled():
            return was and was.model_copy(update={"enabled": False})
        case _:
            return was


def _key(it: Recorded) -> UUID | None:
    return getattr(it.event, "user", None)


TABLE = Table("users", User, "id", _key, _evolve)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    await TABLE.fold(connection, [it for fact in batch for it in fact.events()])


PROJECTION = Projection(
    name="users",
    version=1,
    contexts=(Context.USERS,),
    tables=("users",),
    ddl="""
        create table vestec_read.users (
            id uuid primary key,
            login text not null,
            administrator boolean not null,
            enabled boolean not null,
            added timestamptz not null
        );
        create index on vestec_read.users (login);
        """,
    apply=_apply,
)


async def find_user(database: Queries, id: UUID) -> User | None:
    """The user of that id."""
    found = await database.fetchrow("select * from vestec_read.users where id = $1", id)
    return found and TABLE.parse(found)


async def find_login(database: Queries, login: str) -> User | None:
    """The user whose login name has this digest (see `events.users.login_digest`)."""
    found = await database.fetchrow("select * from vestec_read.users where login = $1", login)
    return found and TABLE.parse(found)
