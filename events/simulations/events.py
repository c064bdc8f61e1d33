"""What befell simulations."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from events.jobs import JobId, JobState, Waiting, Witness
from events.prose import Prose
from events.simulations.requests import SimulationRequest
from events.values import Blob, Document, Event, Identifier, IncidentId, ReplyTo, Urgency


class SimulationCreated(Event):
    type: Literal["SimulationCreated"] = "SimulationCreated"
    simulation: UUID
    incident: IncidentId
    request: SimulationRequest
    exercise: bool
    urgency: Urgency = Urgency.ROUTINE
    """Older logs have none."""
    owner: str = ""
    """Who made the incident; older logs do not tell."""
    reply_to: ReplyTo | None


class SimulationPlaced(Event):
    type: Literal["SimulationPlaced"] = "SimulationPlaced"
    simulation: UUID
    machine: Identifier
    explanation: Prose


class SimulationSubmitted(Event):
    """Handed to the Machine Interface; `PENDING` until the machine has it."""

    type: Literal["SimulationSubmitted"] = "SimulationSubmitted"
    simulation: UUID
    callbacks: dict[JobState, Identifier]
    context: Document


class SimulationAwaited(Event):
    type: Literal["SimulationAwaited"] = "SimulationAwaited"
    simulation: UUID
    reply_to: ReplyTo


class SimulationStateChanged(Event):
    type: Literal["SimulationStateChanged"] = "SimulationStateChanged"
    simulation: UUID
    state: JobState
    witness: Witness
    job_id: JobId | None = None
    attempt: int = 1
    exit_code: int | None = None
    host: str | None = None
    started: float | None = None
    ended: float | None = None
    reason: Prose = ""
    stuck: Waiting | None = None
    """Why its job will not start by itself."""
    instances: dict[JobState, int] = {}
    """Of an array: how many are in which state."""
    unwished: bool = False
    """Whether it was cancelled by nobody here."""
    again: bool = False
    """Whether it is another attempt than before: requeued, or preempted."""


class CancellationRequested(Event):
    """A wish until a witness confirms it."""

    type: Literal["CancellationRequested"] = "CancellationRequested"
    simulation: UUID
    reason: Prose


class CancellationContinues(Event):
    """All of these that are there now are to be cancelled: too many for one decision."""

    type: Literal["CancellationContinues"] = "CancellationContinues"
    run: UUID | None = None
    """Those of one run of a stage only."""
    group: UUID | None = None
    """Those only that do not count any more in a group."""
    reason: Prose


class StartForeseen(Event):
    """As long as the job waits, and nothing else is said."""

    type: Literal["StartForeseen"] = "StartForeseen"
    simulation: UUID
    expected: float
    """Seconds since the epoch."""


class HoldRequested(Event):
    """Or release; a wish until a witness confirms it."""

    type: Literal["HoldRequested"] = "HoldRequested"
    simulation: UUID
    held: bool
    reason: Prose


class OutputsKept(Event):
    type: Literal["OutputsKept"] = "OutputsKept"
    simulation: UUID
    outputs: dict[str, Blob]
    missing: tuple[str, ...] = ()
    reason: Prose = ""
    """Why, where they were written and are no results, or nobody wants them any more."""


class SimulationsGrouped(Event):
    type: Literal["SimulationsGrouped"] = "SimulationsGrouped"
    group: UUID
    simulations: tuple[UUID, ...]


class SimulationsClosed(Event):
    """The manager forgets every simulation of the incident as soon as it is over."""

    type: Literal["SimulationsClosed"] = "SimulationsClosed"


SimulationEvent = Annotated[
    SimulationCreated
    | SimulationPlaced
    | SimulationSubmitted
    | SimulationAwaited
    | SimulationStateChanged
    | CancellationRequested
    | CancellationContinues
    | HoldRequested
    | StartForeseen
    | OutputsKept
    | SimulationsGrouped
    | SimulationsClosed,
    Field(discriminator="type"),
]
