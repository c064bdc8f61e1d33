"""What events and commands travel in.

A `Commit` is one record of a context's events topic and holds all that one decision caused: the
events, the messages to other managers, and how far the decider had read its inputs. An `Issued`
command is one record of a context's commands topic: what has no log behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from bus import Position, Record, Stored, Timestamp
from events.datasets import DataSetCommand, DataSetEvent
from events.endpoints import EndpointCommand, EndpointEvent
from events.incidents import IncidentCommand, IncidentEvent
from events.machines import MachineCommand, MachineEvent
from events.operations import OperationCommand, OperationEvent
from events.prose import Prose
from events.simulations import SimulationCommand, SimulationEvent
from events.upcasting import UPCASTERS, is_old, upcast
from events.users import UserCommand, UserEvent
from events.values import Context, Event, IncidentId, Value

AnyCommand = Annotated[
    IncidentCommand
    | SimulationCommand
    | DataSetCommand
    | EndpointCommand
    | MachineCommand
    | OperationCommand
    | UserCommand,
    Field(discriminator="type"),
]
AnyEvent = Annotated[
    IncidentEvent
    | SimulationEvent
    | DataSetEvent
    | EndpointEvent
    | MachineEvent
    | OperationEvent
    | UserEvent,
    Field(discriminator="type"),
]

TO = "to"
"""Header: the targets of a commit's messages, `context:key` each, separated by blanks."""


class Message(Value):
    """A command from one manager to another."""

    context: Context
    key: str
    command: AnyCommand


class Rejection(Value):
    """A command that was refused, and why."""

    command: str
    reason: Prose


class Cursor(Value):
    """How far the decider has read one of its sources: a position, and within its next record."""

    source: str
    offset: int
    epoch: int = -1
    sequence: int = 0
    nonce: str = ""
    taken: int = 0
    """Messages of the record at `offset` that were decided before."""

    @property
    def position(self) -> Position:
        return Position(self.offset, self.epoch, self.sequence, self.nonce)

    @classmethod
    def at(cls, source: str, position: Position, taken: int = 0) -> "Cursor":
        return cls(
            source=source,
            offset=position.offset,
            epoch=position.epoch,
            sequence=position.sequence,
            nonce=position.nonce,
            taken=taken,
        )


class Commit(Value):
    """One decision, whole or absent."""

    id: UUID
    """Of the command that was decided; what it creates is named after it."""
    time: Timestamp
    key: str
    incident: IncidentId | None = None
    cause: str
    """The place of what was decided (`incidents/3/17`), or who inside us asked for it."""
    correlation: UUID
    """The id of the command that the chain began with: from outside, or of our own hands."""
    actor: str
    cursor: Cursor | None = None
    events: tuple[AnyEvent, ...] = ()
    messages: tuple[Message, ...] = ()
    rejection: Rejection | None = None


class Issued(Value):
    """A command from outside, under an id that its sender chose.

    Whoever does not know whether it was taken sends it again, under the same id. What it creates is
    named after that id and exists once; what it switches stays switched, unless somebody switched
    it back meanwhile. What would act again is known by its id: the newest 256 retries of an
    incident's stages, and at least the newest 10,000 arrivals at an endpoint. Notes are not, and
    nobody sends one again.
    """

    id: UUID
    time: Timestamp
    actor: str
    correlation: UUID
    incident: IncidentId | None = None
    """That it belongs to, where its key does not say so."""
    command: AnyCommand


EventOffset = tuple[int, int]
"""The offset of a commit in its partition, and the index of an event in it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place and circumstances, as readers of the log see it."""

    context: Context
    partition: int
    offset: int
    index: int
    epoch: int
    commit: Commit
    event: Event

    @property
    def id(self) -> str:
        return f"{self.context}/{self.partition}/{self.offset}/{self.index}"

    @property
    def time(self) -> Timestamp:
        return Timestamp(self.commit.time)


_MOST_DIGITS, _STRIDE = 4300, 215
"""Of an integer in JSON that a reader takes; one that is longer shows in every 215th byte."""
_SAMPLES = b"0" * (_MOST_DIGITS // _STRIDE)
_DIGITS_AS_0 = bytes.maketrans(b"0123456789", b"0" * 10)

_COMMIT = TypeAdapter(Commit)
_ISSUED = TypeAdapter(Issued)


def commands_topic(context: Context) -> str:
    return f"vestec.{context}.commands"


def events_topic(context: Context) -> str:
    return f"vestec.{context}.events"


def encode(commit: Commit) -> Record:
    """The record of a commit, with the targets of its messages in a header.

    Raises `ValueError` for what no reader could decode. That is cheap to know, since numbers that
    are not finite are no part of a model, and JSON that nests too deeply is not even written.
    """
    targets = dict.fromkeys(f"{message.context}:{message.key}" for message in commit.messages)
    headers = {TO: " ".join(targets)} if targets else {}
    value = _COMMIT.dump_json(commit)
    if len(value) > _MOST_DIGITS and _SAMPLES in value[::_STRIDE].translate(_DIGITS_AS_0):
        _COMMIT.validate_json(value)
    return Record(commit.key, value, headers)


def decode(record: Record) -> Commit:
    """The commit in a record; old versions of its events are brought up to date."""
    try:
        commit = _COMMIT.validate_json(record.value)
    except ValidationError:
        return _COMMIT.validate_python(upcast(record.value))
    if UPCASTERS and any(is_old(type(event).__name__, event.version) for event in commit.events):
        return _COMMIT.validate_python(upcast(record.value))
    return commit


def encode_issued(key: str, issued: Issued) -> Record:
    return Record(key, _ISSUED.dump_json(issued))


def decode_issued(record: Record) -> Issued:
    """Raises `ValueError` for what is not a command.

    Parsed first, validated then: pydantic's own way from JSON lets numbers beyond all bounds pass.
    """
    return _ISSUED.validate_python(from_json(record.value))


def targets(record: Record) -> Iterator[tuple[str, str]]:
    """(context, key) of the messages in a record, without decoding it."""
    for target in record.headers.get(TO, "").split():
        context, _, key = target.partition(":")
        yield context, key


def recorded(context: Context, partition: int, epoch: int, stored: Stored) -> Iterator[Recorded]:
    """The events of a commit that counts."""
    commit = decode(stored.record)
    for index, event in enumerate(commit.events):
        yield Recorded(context, partition, stored.offset, index, epoch, commit, event)
