"""Commands and events of incidents: their life, and the stages of their workflows.

A *message* waits for a *stage*; a *run* is a stage at work on one; a *call* is what a run asks of
the rest of the system and gets an answer to. Key: the incident's id.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from events.prose import Prose, Traceback
from events.values import (
    Command,
    Content,
    Document,
    Event,
    Identifier,
    IncidentId,
    Name,
    Note,
    Urgency,
    Value,
)


class IncidentStatus(StrEnum):
    """As shown to users; `ERROR` means a stage failed and an operator is needed."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    ERROR = "ERROR"
    ARCHIVED = "ARCHIVED"


class Arrival(Value):
    """Data that came in at an endpoint."""

    id: UUID
    endpoint: Identifier
    received: float
    """Seconds since the epoch."""
    content: Content
    source: str
    """Who sent it: a URL that was pulled, or how it was pushed."""


class Delivery(Value):
    """A message for a stage, as its sender gives it."""

    stage: Identifier
    message: Document = Document()
    after: float = 0.0
    """Seconds to wait before it is delivered."""


class Ending(Value):
    """How an incident ends."""

    outcome: Literal[IncidentStatus.COMPLETE, IncidentStatus.CANCELLED]
    reason: Prose = ""

    @property
    def sentence(self) -> str:
        """Why all that belongs to the incident ends with it."""
        return f"the incident ends: {self.reason or self.outcome}"


# Commands of people.


class CreateIncident(Command):
    type: Literal["CreateIncident"] = "CreateIncident"
    incident: IncidentId
    kind: Identifier
    name: Name
    parameters: dict[str, JsonValue] = {}
    exercise: bool = False
    urgency: Urgency = Urgency.ROUTINE
    owner: str = ""


class SetUrgency(Command):
    """Of the simulations that are created from now on."""

    type: Literal["SetUrgency"] = "SetUrgency"
    urgency: Urgency
    reason: Prose = ""


class ActivateIncident(Command):
    type: Literal["ActivateIncident"] = "ActivateIncident"


class CancelIncident(Command):
    type: Literal["CancelIncident"] = "CancelIncident"
    reason: Prose = ""
    force: bool = False
    """While the last stage cleans up: without the rest of that."""


class ArchiveIncident(Command):
    type: Literal["ArchiveIncident"] = "ArchiveIncident"


class RetryStage(Command):
    """An operator's wish to run a failed stage again, keeping what succeeded."""

    type: Literal["RetryStage"] = "RetryStage"
    run: UUID | None = None
    """All failed runs of the incident if absent."""


class AnswerQuestion(Command):
    type: Literal["AnswerQuestion"] = "AnswerQuestion"
    question: UUID
    choice: str


# Commands of other managers.


class DeliverArrival(Command):
    type: Literal["DeliverArrival"] = "DeliverArrival"
    stage: Identifier
    arrival: Arrival


class Deliver(Command):
    """A callback: another manager has a message for a stage."""

    type: Literal["Deliver"] = "Deliver"
    delivery: Delivery


class AnswerCall(Command):
    """What came of a call: a value, or an error that the stage sees as an exception."""

    type: Literal["AnswerCall"] = "AnswerCall"
    run: UUID
    call: str
    value: Document = Document()
    error: Prose | None = None


class TakeNote(Command):
    type: Literal["TakeNote"] = "TakeNote"
    note: Note


# Events.


class IncidentCreated(Event):
    type: Literal["IncidentCreated"] = "IncidentCreated"
    incident: IncidentId
    kind: Identifier
    workflow_version: int
    name: str
    parameters: dict[str, JsonValue]
    exercise: bool
    urgency: Urgency = Urgency.ROUTINE
    """Older logs have none."""
    owner: str


class UrgencySet(Event):
    type: Literal["UrgencySet"] = "UrgencySet"
    urgency: Urgency
    reason: Prose = ""


class IncidentActivated(Event):
    type: Literal["IncidentActivated"] = "IncidentActivated"


class IncidentEnding(Event):
    """Runs are stopped, failed ones given up, messages that wait dropped: all at once, since there
    may be more than one record can name. No stage runs from here on but the one that cleans up."""

    type: Literal["IncidentEnding"] = "IncidentEnding"
    ending: Ending
    stopped: int = 0
    """How many runs, failed ones included. Older logs do not count: there, each run that is stopped
    and each message that is dropped has an event of its own behind this one."""
    dropped: int = 0
    """How many messages."""


class IncidentEnded(Event):
    type: Literal["IncidentEnded"] = "IncidentEnded"
    ending: Ending


class IncidentArchived(Event):
    type: Literal["IncidentArchived"] = "IncidentArchived"


class Noted(Event):
    type: Literal["Noted"] = "Noted"
    note: Note


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


class ArrivalRejected(Event):
    """An arrival, or a part of one, was refused by the stage that read it."""

    type: Literal["ArrivalRejected"] = "ArrivalRejected"
    arrival: UUID | None
    reason: Prose
    run: UUID | None = None
    endpoint: Identifier | None = None
    """Where the arrival came in."""


IncidentCommand = Annotated[
    CreateIncident
    | SetUrgency
    | ActivateIncident
    | CancelIncident
    | ArchiveIncident
    | RetryStage
    | AnswerQuestion
    | DeliverArrival
    | Deliver
    | AnswerCall
    | TakeNote,
    Field(discriminator="type"),
]
IncidentEvent = Annotated[
    IncidentCreated
    | UrgencySet
    | IncidentActivated
    | IncidentEnding
    | IncidentEnded
    | IncidentArchived
    | Noted
    | MessageQueued
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
    | ArrivalRejected,
    Field(discriminator="type"),
]
