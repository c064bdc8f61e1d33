"""Commands and events of simulations: from a request, through a machine's queue, to results.

Key: the incident's id.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from events.jobs import (
    MOST_INSTANCES,
    JobId,
    JobOptions,
    JobReport,
    JobState,
    RelativePath,
    Text,
    VariableName,
    Waiting,
    Witness,
    Word,
)
from events.prose import Prose
from events.values import (
    Blob,
    Command,
    Document,
    Event,
    Identifier,
    IncidentId,
    Name,
    ReplyTo,
    Urgency,
    Value,
)


class Resources(Value):
    """What a job needs of a machine; each instance of an array needs as much."""

    instances: int = Field(default=1, gt=0, le=MOST_INSTANCES)
    """More than one: an array, each with its number, from 0, in `VESTEC_INSTANCE`."""
    nodes: int = Field(default=1, gt=0)
    tasks: int = Field(default=1, gt=0)
    cpus_per_task: int = Field(default=1, gt=0)
    memory_mib: int | None = Field(default=None, gt=0)
    """Of each node."""
    gpus: int = Field(default=0, ge=0)
    """Of each node."""
    exclusive: bool = False
    """No other job on its nodes."""
    constraint: Word = ""
    """Properties that its nodes must have, in the batch system's words."""
    walltime: int = Field(gt=0, le=366 * 86400)
    """Seconds."""


class SimulationRequest(Value):
    """A program to run, what it reads and what it must write."""

    kind: Name
    executable: Text = Field(min_length=1, max_length=4096)
    """A line for `/bin/sh`, run in the job's folder."""
    resources: Resources
    options: JobOptions = JobOptions()
    """What its batch system is told besides."""
    inputs: dict[RelativePath, Blob] = {}
    outputs: tuple[RelativePath, ...] = ()
    environment: dict[VariableName, Text] = {}
    machine: Identifier | None = None
    """Where it must run; the Machine Status Manager chooses if absent."""
    comment: str = Field(default="", max_length=200)


class SimulationResult(Value):
    """What whoever waits for a simulation is told in the end."""

    simulation: UUID
    state: JobState
    machine: str | None = None
    job_id: JobId | None = None
    seconds: float | None = None
    """Of running, by the machine's clock."""
    exit_code: int | None = None
    reason: Prose = ""
    stuck: Waiting | None = None
    """Why its job will not start by itself."""
    instances: dict[JobState, int] = {}
    """Of an array: how many are in which state."""
    outputs: dict[str, Blob] = {}
    missing: tuple[str, ...] = ()
    """Declared outputs that it did not leave as files; `reason` says why where it is known."""


# Commands of stages and people.


class CreateSimulation(Command):
    type: Literal["CreateSimulation"] = "CreateSimulation"
    simulation: UUID
    incident: IncidentId
    request: SimulationRequest
    exercise: bool = False
    urgency: Urgency = Urgency.ROUTINE
    owner: str = ""
    """Who made the incident."""
    reply_to: ReplyTo | None = None
    """Answered when a machine was chosen."""


class SubmitSimulation(Command):
    type: Literal["SubmitSimulation"] = "SubmitSimulation"
    simulation: UUID
    callbacks: dict[JobState, Identifier] = {}
    """Stages that get a message when the simulation reaches a state."""
    context: Document = Document()
    """Given back to them."""
    reply_to: ReplyTo | None = None


class AwaitSimulation(Command):
    """Answered with a `SimulationResult` when the simulation has ended."""

    type: Literal["AwaitSimulation"] = "AwaitSimulation"
    simulation: UUID
    reply_to: ReplyTo


class CancelSimulation(Command):
    type: Literal["CancelSimulation"] = "CancelSimulation"
    simulation: UUID
    reason: Prose = ""
    reply_to: ReplyTo | None = None


class CancelAllSimulations(Command):
    """The incident ends."""

    type: Literal["CancelAllSimulations"] = "CancelAllSimulations"
    reason: Prose = ""


class CloseSimulations(Command):
    """The incident is over: what still runs is cancelled, and nobody asks for the rest."""

    type: Literal["CloseSimulations"] = "CloseSimulations"
    reason: Prose = ""


class CancelSimulationsOf(Command):
    """A stage was stopped; what it waits for is not wanted any more."""

    type: Literal["CancelSimulationsOf"] = "CancelSimulationsOf"
    run: UUID
    reason: Prose = ""


class RetrySimulation(Command):
    """Submit once more what nobody could submit; refused while it waits for nobody."""

    type: Literal["RetrySimulation"] = "RetrySimulation"
    simulation: UUID


class RefreshSimulation(Command):
    """Ask the machine now instead of at its next turn."""

    type: Literal["RefreshSimulation"] = "RefreshSimulation"
    simulation: UUID


class HoldSimulation(Command):
    """Its job, which waits, does not start before it is released."""

    type: Literal["HoldSimulation"] = "HoldSimulation"
    simulation: UUID
    reason: Prose = ""


class ReleaseSimulation(Command):
    """Its job, which is held, starts when it may."""

    type: Literal["ReleaseSimulation"] = "ReleaseSimulation"
    simulation: UUID
    reason: Prose = ""


class GroupSimulations(Command):
    """The first completion counts: only it calls back, the others are cancelled."""

    type: Literal["GroupSimulations"] = "GroupSimulations"
    group: UUID
    simulations: tuple[UUID, ...] = Field(min_length=1)
    reply_to: ReplyTo | None = None


# Commands of other managers.


class PlaceSimulation(Command):
    type: Literal["PlaceSimulation"] = "PlaceSimulation"
    simulation: UUID
    machine: Identifier
    explanation: Prose


class RefusePlacement(Command):
    type: Literal["RefusePlacement"] = "RefusePlacement"
    simulation: UUID
    reason: Prose


class ReportJob(Command):
    type: Literal["ReportJob"] = "ReportJob"
    simulation: UUID
    report: JobReport


class ForeseeStart(Command):
    """The batch system's word on when the job starts that waits there."""

    type: Literal["ForeseeStart"] = "ForeseeStart"
    simulation: UUID
    expected: float
    """Seconds since the epoch."""


class KeepOutputs(Command):
    type: Literal["KeepOutputs"] = "KeepOutputs"
    simulation: UUID
    outputs: dict[str, Blob]
    missing: tuple[str, ...] = ()
    reason: Prose = ""
    """Why, where they were written and are no results, or nobody wants them any more."""


# Events.


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


SimulationCommand = Annotated[
    CreateSimulation
    | SubmitSimulation
    | AwaitSimulation
    | CancelSimulation
    | CancelAllSimulations
    | CloseSimulations
    | CancelSimulationsOf
    | RefreshSimulation
    | RetrySimulation
    | HoldSimulation
    | ReleaseSimulation
    | GroupSimulations
    | PlaceSimulation
    | RefusePlacement
    | ReportJob
    | ForeseeStart
    | KeepOutputs,
    Field(discriminator="type"),
]
SimulationEvent = Annotated[
    SimulationCreated
    | SimulationPlaced
    | SimulationSubmitted
    | SimulationAwaited
    | SimulationStateChanged
    | CancellationRequested
    | HoldRequested
    | StartForeseen
    | OutputsKept
    | SimulationsGrouped
    | SimulationsClosed,
    Field(discriminator="type"),
]
