"""Commands and events of users. Names, addresses and password hashes never enter the log.

The log knows an opaque id and the digest of the login name, so that names are unique and people
can be erased. Key: always `EVERYONE`.
"""

import hashlib
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from events.values import Command, Event, Sha256

EVERYONE = "everyone"


class AddUser(Command):
    type: Literal["AddUser"] = "AddUser"
    user: UUID
    login: Sha256
    administrator: bool = False


class EnableUser(Command):
    type: Literal["EnableUser"] = "EnableUser"
    user: UUID


class DisableUser(Command):
    type: Literal["DisableUser"] = "DisableUser"
    user: UUID


class UserAdded(Event):
    type: Literal["UserAdded"] = "UserAdded"
    user: UUID
    login: Sha256
    administrator: bool


class UserEnabled(Event):
    type: Literal["UserEnabled"] = "UserEnabled"
    user: UUID


class UserDisabled(Event):
    type: Literal["UserDisabled"] = "UserDisabled"
    user: UUID


UserCommand = Annotated[AddUser | EnableUser | DisableUser, Field(discriminator="type")]
UserEvent = Annotated[UserAdded | UserEnabled | UserDisabled, Field(discriminator="type")]


def login_digest(username: str) -> Sha256:
    """The digest under which a login name is unique, whatever its case."""
    return hashlib.sha256(username.strip().casefold().encode()).hexdigest()
