"""Events of messages, and of the stages that work on them."""

from typing import Literal
from uuid import UUID

from events.incidents.things import Arrival
from events.prose import Prose, Traceback
from events.values import (
    Document,
    Event,
    Identifier,
)


class MessageQueued(Event):
    type: Literal["MessageQueued"] = "MessageQueued"
    message: UUID
    stage: Identifier
    lane: str | None = None
    body: Document = Document()
    arrivals: tuple[Arrival, ...] = ()
    sender: UUID | None = None
    """The run that sent it."""
    due: float | None = None
    periodic: bool = False
    """Nobody sent it: its stage runs on a period, and its start queues the next one."""


class MessageExtended(Event):
    """A burst: another arrival joined a message that still waits."""

    type: Literal["MessageExtended"] = "MessageExtended"
    message: UUID
    arrival: Arrival
    due: float | None


class MessageDropped(Event):
    type: Literal["MessageDropped"] = "MessageDropped"
    message: UUID
    reason: Prose


class StageStarted(Event):
    """A run has the id of its message, and starts anew after a failed attempt or a conflict."""

    type: Literal["StageStarted"] = "StageStarted"
    run: UUID
    attempt: int
    at: float
    """Seconds since the epoch; what the stage takes for now."""


class StageResumed(Event):
    type: Literal["StageResumed"] = "StageResumed"
    run: UUID
    starts: int
    """Without an end, progress or rest; a stage that kills its process is failed by this."""
    process: str = ""
    """Where it runs now."""
    at: float = 0.0
    """Seconds since the epoch; what the stage takes for now is still when it first started."""


class StageHeld(Event):
    """A run whose process ended again and again while it ran is not started again at once."""

    type: Literal["StageHeld"] = "StageHeld"
    run: UUID
    until: float
    """Seconds since the epoch."""


class StageRested(Event):
    """A run that was started again only waits for others: it is not what ends its process now."""

    type: Literal["StageRested"] = "StageRested"
    run: UUID


class CallRequested(Event):
    type: Literal["CallRequested"] = "CallRequested"
    run: UUID
    call: str
    name: str
    due: float | None = None
    question: Prose | None = None
    choices: list[str] = []
    otherwise: Document = Document()


class CallAnswered(Event):
    type: Literal["CallAnswered"] = "CallAnswered"
    run: UUID
    call: str
    name: str
    value: Document = Document()
    error: Prose | None = None


class StageCompleted(Event):
    type: Literal["StageCompleted"] = "StageCompleted"
    run: UUID
    state: dict[str, Document] = {}
    """The fields it set."""


class StageConflicted(Event):
    """Another stage changed what this one set: it starts anew on the new state."""

    type: Literal["StageConflicted"] = "StageConflicted"
    run: UUID
    fields: list[str]


class StageAttemptFailed(Event):
    type: Literal["StageAttemptFailed"] = "StageAttemptFailed"
    run: UUID
    error: Prose
    traceback: Traceback = ""
    forget: tuple[str, ...] = ()
    """Calls whose answers are not kept for the next attempt."""
    retry_at: float


class StageFailed(Event):
    """The incident is in `ERROR` until an operator retries the stage or cancels."""

    type: Literal["StageFailed"] = "StageFailed"
    run: UUID
    error: Prose
    traceback: Traceback = ""
    forget: tuple[str, ...] = ()


class StageRetried(Event):
    type: Literal["StageRetried"] = "StageRetried"
    run: UUID
    command: UUID | None = None
    """The operator's, which acts once however often it is sent."""


class RetryContinues(Event):
    """The failed stages that an operator retries are more than fit into one decision."""

    type: Literal["RetryContinues"] = "RetryContinues"


class StageStopped(Event):
    """Cancelled, or superseded by a newer message."""

    type: Literal["StageStopped"] = "StageStopped"
    run: UUID
    reason: Prose
    superseded_by: UUID | None = None


OfStages = (
    MessageQueued
    | MessageExtended
    | MessageDropped
    | StageStarted
    | StageResumed
    | StageHeld
    | StageRested
    | CallRequested
    | CallAnswered
    | StageCompleted
    | StageConflicted
    | StageAttemptFailed
    | StageFailed
    | StageRetried
    | RetryContinues
    | StageStopped
)
