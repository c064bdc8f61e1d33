"""State, decisions and runtime form of the manager of users."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from events import users as e
from events.values import Context, Event, Sha256
from managers.runtime import (
    Effect,
    Given,
    Manager,
    Rejected,
)
from managers.runtime.manager import Input


@dataclass(frozen=True, slots=True)
class User:
    """An opaque id with rights."""

    id: UUID
    login: Sha256
    administrator: bool
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Users:
    """Everyone."""

    by_id: Mapping[UUID, User] = field(default_factory=dict)


def user_manager() -> Manager[Users, object]:
    """The manager of users."""
    return Manager(
        context=Context.USERS,
        sources=(),
        state=Users,
        fold=1,
        decide=decide,
        evolve=evolve,
    )


def evolve(was: Users | None, event: Event) -> Users | None:
    """Everyone after an event."""
    was = was or Users()
    match event:
        case e.UserAdded():
            return _with(was, User(event.user, event.login, event.administrator))
        case e.UserEnabled():
            return _with(was, replace(was.by_id[event.user], enabled=True))
        case e.UserDisabled():
            return _with(was, replace(was.by_id[event.user], enabled=False))
    return was


def decide(was: Users | None, input: Input, given: Given) -> Iterable[Effect]:
    """The effects of one command on the users."""
    was = was or Users()
    match input:
        case e.AddUser():
            return _add(was, input)
        case e.EnableUser():
            return _switch(was, input.user, True)
        case e.DisableUser():
            return _switch(was, input.user, False)
    raise Rejected(f"users do not take {type(input).__name__}")


def _add(was: Users, wanted: e.AddUser) -> Iterator[Effect]:
    if known := was.by_id.get(wanted.user):
        if known.login != wanted.login:
            raise Rejected("there is another user of that id already")
        return
    if any(user.login == wanted.login for user in was.by_id.values()):
        raise Rejected("there is a user of that name already")
    yield e.UserAdded(user=wanted.user, login=wanted.login, administrator=wanted.administrator)


def _switch(was: Users, user: UUID, enabled: bool) -> Iterator[Effect]:
    if user not in was.by_id:
        raise Rejected("there is no such user")
    if was.by_id[user].enabled != enabled:
        yield e.UserEnabled(user=user) if enabled else e.UserDisabled(user=user)


def _with(was: Users, user: User) -> Users:
    return replace(was, by_id={**was.by_id, user.id: user})
