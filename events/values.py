"""Small values that commands and events of several contexts are made of."""

import hashlib
from base64 import b64decode, b64encode
from enum import StrEnum
from typing import Annotated, Literal, NewType
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from events.prose import Prose

DAY = 86400.0
"""In seconds."""

SYSTEM = "system"
"""The actor of what nobody but ourselves wants."""

IncidentId = NewType("IncidentId", str)

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

Bytes = Annotated[
    bytes,
    BeforeValidator(lambda value: b64decode(value) if isinstance(value, str) else value),
    PlainSerializer(lambda value: b64encode(value).decode(), when_used="json"),
]
"""Bytes, as base64 in JSON."""


class Urgency(StrEnum):
    """How much an incident presses; each machine's policy says what that buys there."""

    ROUTINE = "routine"
    ELEVATED = "elevated"
    URGENT = "urgent"
    CRITICAL = "critical"


INLINE_BYTES = 64 * 1024
"""What is larger goes to the blob store and leaves its digest."""


class Value(BaseModel):
    """Immutable; compared by value; unknown fields are an error only where people type them.

    NaN and infinity are refused, also inside of JSON: they would be written as null, and be read
    back as something else or not at all.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Command(Value):
    """What somebody wants; refused or turned into events by a manager's `decide`."""


class Event(Value):
    """What happened; never rewritten. `version` grows with its fields, upcasters bridge."""

    version: int = 1


class Context(StrEnum):
    """One manager each, with its own pair of topics."""

    INCIDENTS = "incidents"
    SIMULATIONS = "simulations"
    DATASETS = "datasets"
    ENDPOINTS = "endpoints"
    MACHINES = "machines"
    OPERATIONS = "operations"
    USERS = "users"

    @property
    def keyed_by_incident(self) -> bool:
        """Whether the key of a commit is the incident's id."""
        return self not in (Context.MACHINES, Context.OPERATIONS, Context.USERS)


class Blob(Value):
    """Bytes in the blob store."""

    sha256: Sha256
    size: int = Field(ge=0)

    @classmethod
    def of(cls, data: bytes) -> "Blob":
        return cls(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


class Document(Value):
    """A JSON value, in the blob store when large."""

    json_value: JsonValue = None
    blob: Blob | None = None


class NotJson(ValueError):
    """A value that JSON cannot say; the sentence says where in it, and why."""


def require_json(value: object) -> JsonValue:
    """The value, if JSON can say it. Raises `NotJson`."""
    try:
        return _JSON.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # A place is told with the kinds of all that it is in: list 1 dict power float.
        place = ".".join(map(str, first["loc"][1::2]))
        raise NotJson(f"{place}: {first['msg']}".removeprefix(": ")) from None


_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue, config=ConfigDict(allow_inf_nan=False))


class Content(Value):
    """Bytes with their type, in the blob store when large."""

    media_type: str = "application/octet-stream"
    size: int = Field(ge=0)
    inline: Bytes | None = None
    blob: Blob | None = None

    @property
    def sha256(self) -> Sha256:
        """The digest of the bytes, wherever they lie."""
        return (self.blob or Blob.of(self.inline or b"")).sha256


class ReplyTo(Value):
    """The call of a stage's run that waits for an answer."""

    incident: IncidentId
    run: UUID
    call: str


class Target(Value):
    """The manager a message is for, and the key it is about."""

    context: Context
    key: str


class Note(Value):
    """Something an operator should read in the incident's log."""

    level: Literal["info", "warning", "error"] = "info"
    text: Prose
