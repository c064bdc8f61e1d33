"""What stages, people and other managers wish of simulations, or say of them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from events.jobs import JobReport, JobState
from events.prose import Prose
from events.simulations.requests import SimulationRequest
from events.values import Blob, Command, Document, Identifier, IncidentId, ReplyTo, Urgency


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
    """Submit once more what was never found, or now what waits for room on its machine.

    Refused while it waits for nobody.
    """

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
