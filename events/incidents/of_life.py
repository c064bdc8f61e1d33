"""Events of an incident's life: from its creation to its end, and what is noted of it."""

from typing import Literal
from uuid import UUID

from pydantic import JsonValue

from events.incidents.things import Ending
from events.prose import Prose
from events.values import (
    Event,
    Identifier,
    IncidentId,
    Note,
    Urgency,
)


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


class ArrivalRejected(Event):
    """An arrival, or a part of one, was refused by the stage that read it."""

    type: Literal["ArrivalRejected"] = "ArrivalRejected"
    arrival: UUID | None
    reason: Prose
    run: UUID | None = None
    endpoint: Identifier | None = None
    """Where the arrival came in."""


OfLife = (
    IncidentCreated
    | UrgencySet
    | IncidentActivated
    | IncidentEnding
    | IncidentEnded
    | IncidentArchived
    | Noted
    | ArrivalRejected
)
