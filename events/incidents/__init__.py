"""Commands and events of incidents: their life, and the stages of their workflows.

A *message* waits for a *stage*; a *run* is a stage at work on one; a *call* is what a run asks of
the rest of the system and gets an answer to. Key: the incident's id.
"""

from typing import Annotated

from pydantic import Field

from events.incidents.commands import (
    ActivateIncident,
    AnswerCall,
    AnswerQuestion,
    ArchiveIncident,
    CancelIncident,
    CreateIncident,
    Deliver,
    DeliverArrival,
    IncidentCommand,
    RetryStage,
    SetUrgency,
    TakeNote,
)
from events.incidents.of_life import (
    ArrivalRejected,
    IncidentActivated,
    IncidentArchived,
    IncidentCreated,
    IncidentEnded,
    IncidentEnding,
    Noted,
    OfLife,
    UrgencySet,
)
from events.incidents.of_stages import (
    CallAnswered,
    CallRequested,
    MessageDropped,
    MessageExtended,
    MessageQueued,
    OfStages,
    RetryContinues,
    StageAttemptFailed,
    StageCompleted,
    StageConflicted,
    StageFailed,
    StageHeld,
    StageRested,
    StageResumed,
    StageRetried,
    StageStarted,
    StageStopped,
)
from events.incidents.things import Arrival, Delivery, Ending, IncidentStatus

IncidentEvent = Annotated[OfLife | OfStages, Field(discriminator="type")]

__all__ = [
    "ActivateIncident",
    "AnswerCall",
    "AnswerQuestion",
    "ArchiveIncident",
    "Arrival",
    "ArrivalRejected",
    "CallAnswered",
    "CallRequested",
    "CancelIncident",
    "CreateIncident",
    "Deliver",
    "DeliverArrival",
    "Delivery",
    "Ending",
    "IncidentActivated",
    "IncidentArchived",
    "IncidentCommand",
    "IncidentCreated",
    "IncidentEnded",
    "IncidentEnding",
    "IncidentEvent",
    "IncidentStatus",
    "MessageDropped",
    "MessageExtended",
    "MessageQueued",
    "Noted",
    "RetryContinues",
    "RetryStage",
    "SetUrgency",
    "StageAttemptFailed",
    "StageCompleted",
    "StageConflicted",
    "StageFailed",
    "StageHeld",
    "StageRested",
    "StageResumed",
    "StageRetried",
    "StageStarted",
    "StageStopped",
    "TakeNote",
    "UrgencySet",
]
