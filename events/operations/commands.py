"""What is to be done on machines, as other managers and processes of ours wish it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from events.jobs import JobRequest, JobState, RelativePath, Token
from events.machines import MachineSettings
from events.prose import Prose
from events.values import Blob, Command, Identifier, IncidentId


class ConfigureMachine(Command):
    type: Literal["ConfigureMachine"] = "ConfigureMachine"
    settings: MachineSettings


class TryLogin(Command):
    """An operator says that the machine lets us in again."""

    type: Literal["TryLogin"] = "TryLogin"


class CheckUp(Command):
    """Somebody wants to know all that can be known of the machine."""

    type: Literal["CheckUp"] = "CheckUp"
    check: UUID


class EstimateJob(Command):
    """Somebody wants to know when a job would start if it were submitted now."""

    type: Literal["EstimateJob"] = "EstimateJob"
    estimate: UUID
    request: JobRequest


class ForgetMachine(Command):
    """It was removed: nothing more is done there."""

    type: Literal["ForgetMachine"] = "ForgetMachine"


class SubmitJob(Command):
    type: Literal["SubmitJob"] = "SubmitJob"
    incident: IncidentId
    simulation: UUID
    request: JobRequest
    inputs: dict[RelativePath, Blob]
    owner: str = ""
    """Who made the incident."""


class CancelJob(Command):
    type: Literal["CancelJob"] = "CancelJob"
    token: Token
    reason: Prose = ""


class ForgoJob(Command):
    """A job will never be submitted: others that come after it need not wait for that."""

    type: Literal["ForgoJob"] = "ForgoJob"
    token: Token
    state: JobState
    """What became of it instead."""


class RetrySubmission(Command):
    """Somebody wishes that a job whose submission was stopped be submitted once more."""

    type: Literal["RetrySubmission"] = "RetrySubmission"
    token: Token


class HoldJob(Command):
    """Keep a job that waits from starting; or, unless `held`, let it start when it may."""

    type: Literal["HoldJob"] = "HoldJob"
    token: Token
    held: bool
    reason: Prose = ""


class CollectOutputs(Command):
    type: Literal["CollectOutputs"] = "CollectOutputs"
    token: Token
    names: tuple[RelativePath, ...]


class RefreshJob(Command):
    type: Literal["RefreshJob"] = "RefreshJob"
    token: Token


class ReleaseJob(Command):
    """Nobody will ask about this job again."""

    type: Literal["ReleaseJob"] = "ReleaseJob"
    token: Token
    attempt: int | None = None
    """The newest of its runs that was heard of; a later one may be under way. None: all were."""


class TakeTurn(Command):
    """A process that the machine names will work on it, and nobody else any more."""

    type: Literal["TakeTurn"] = "TakeTurn"
    agent: Identifier
    turn: UUID


class HandsTold(Command):
    """What hands in such a process tell; not heard unless it is still their turn."""

    type: Literal["HandsTold"] = "HandsTold"
    turn: UUID
    kind: str
    """Of input to the manager, as its `told` is to be read."""
    told: JsonValue


OperationCommand = Annotated[
    ConfigureMachine
    | ForgetMachine
    | TryLogin
    | CheckUp
    | EstimateJob
    | SubmitJob
    | CancelJob
    | RetrySubmission
    | HoldJob
    | CollectOutputs
    | RefreshJob
    | ForgoJob
    | ReleaseJob
    | TakeTurn
    | HandsTold,
    Field(discriminator="type"),
]
