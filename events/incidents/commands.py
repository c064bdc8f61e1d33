"""Commands to incidents: of people, and of other managers."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from events.incidents.things import Arrival, Delivery
from events.prose import Prose
from events.values import (
    Command,
    Document,
    Identifier,
    IncidentId,
    Name,
    Note,
    Urgency,
)

# Of people.


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


# Of other managers.


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
