"""What a manager is made of: plain functions, and one factory for hands.

`decide` and `evolve` do no I/O and know no clock and no chance: time and ids come in with what is
decided. An exception in `decide` is a recorded rejection.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID, uuid5

from events.envelope import Rejection
from events.values import Command, Context, Event, IncidentId

S = TypeVar("S")
W = TypeVar("W")
W_contra = TypeVar("W_contra", contravariant=True)

Input = object
"""A `Command` of the vocabulary, or a message of the manager's own hands (a frozen dataclass)."""


class Rejected(Exception):
    """The command is refused; the sentence says why, to whoever sent it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What comes in with a command besides itself."""

    id: UUID
    """Of the command; sent twice, it is the same."""
    now: float
    """Seconds since the epoch."""
    actor: str
    cause: str
    correlation: UUID
    """The id of the first command of the chain."""
    process: str = ""
    """Where it is decided: a name that no other process ever has."""

    def name(self, *parts: object) -> UUID:
        """An id for something that this decision creates."""
        return uuid5(self.id, "/".join(map(str, parts)))


@dataclass(frozen=True, slots=True)
class Send:
    """A message to another manager, part of the decision's commit."""

    context: Context
    key: str
    command: Command


Effect = Event | Send


@dataclass(frozen=True, slots=True)
class Decided(Generic[S]):
    """Effects whose fold the decider has made already, since it decided some on top of others."""

    effects: Sequence[Effect]
    state: S | None


@dataclass(frozen=True, slots=True)
class Chain:
    """What a piece of work belongs to: an incident, and the command that began it all."""

    incident: IncidentId
    correlation: UUID | None
    """None: it was not noted when the work began."""


Tell = Callable[[Input], "asyncio.Future[Rejection | None]"]
"""Hand an input to the manager; the future ends when it was decided and counts.

It is cancelled when the partition was lost: then somebody else goes on.
"""


class Work(Protocol[W_contra]):
    """A piece of long work under way: started by `Manager.begin`, ended by the state alone."""

    def update(self, item: W_contra) -> None:
        """The state says something new about it."""

    def stop(self) -> None:
        """The state no longer has it, or the partition was lost; return at once."""


@dataclass(frozen=True, slots=True)
class Assignment(Generic[S, W]):
    """A piece of work as its hands get it, with the state that it stands in."""

    key: str
    name: str
    state: S
    item: W
    tell: Tell


def no_chain(_state: object, _input: Input) -> Chain | None:
    """For managers whose key is the incident, and those whose work belongs to none."""
    return None


def nothing_under_way(_state: object) -> Mapping[str, Any]:
    """No long work."""
    return {}


def nothing_due(_state: object) -> float | None:
    """No timers."""
    return None


def nothing_to_resume(_state: object) -> Iterable[Input]:
    """It goes on as it was."""
    return ()


@dataclass(frozen=True)
class Manager(Generic[S, W]):
    """A context's core and hands; `S` is the state of one key, `W` an item of its work."""

    context: Context
    sources: tuple[Context, ...]
    """The contexts whose messages it takes."""
    state: type[S]
    fold: int
    """The version of `evolve`; a snapshot of another one is ignored."""
    decide: Callable[[S | None, Input, Given], Iterable[Effect] | Decided[S]]
    evolve: Callable[[S | None, Event], S | None]
    """None: nothing is known of the key, or nothing need be known any more."""
    under_way: Callable[[S], Mapping[str, W]] = nothing_under_way
    """Long work by its name, as the state has it; level-triggered."""
    due: Callable[[S], float | None] = nothing_due
    """When, in seconds since the epoch, the clock must be looked at next."""
    resume: Callable[[S], Iterable[Input]] = nothing_to_resume
    """What is decided for each key after a takeover, before work goes on."""
    begin: Callable[[Assignment[S, W]], Work[W]] | None = None
    clock: Input = None
    """The input that says: something is due."""
    chain: Callable[[S | None, Input], Chain | None] = no_chain
    """What that belongs to which the manager's own hands tell."""
