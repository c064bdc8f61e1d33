"""Commands and events of what is done on machines: the audit trail of the Machine Interface.

Every outside effect is announced by an event before it and concluded by one after it. A poll that
changed nothing is a metric, not an event. Key: the machine's name.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from events.checkups import Checkup
from events.jobs import JobId, JobReport, JobRequest, RelativePath, Token, Word
from events.machines import LoadNews, MachineSettings, Privilege, StartEstimate
from events.prose import Prose
from events.values import Blob, Command, Event, Identifier, IncidentId, Name


class JobTask(StrEnum):
    """What there is to do for a job."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    HOLD = "hold"
    RELEASE = "release"
    COLLECT = "collect"
    REMOVE = "remove"
    """What is left of it."""


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


class MachineConfigured(Event):
    type: Literal["MachineConfigured"] = "MachineConfigured"
    settings: MachineSettings


class TurnTaken(Event):
    """A process that the machine names works on it, until another one does or settings change."""

    type: Literal["TurnTaken"] = "TurnTaken"
    agent: Identifier
    turn: UUID


class LoginIntended(Event):
    """A refused login is tried again, once; before it nothing is done on the machine."""

    type: Literal["LoginIntended"] = "LoginIntended"


class CheckIntended(Event):
    """The machine is asked about itself, and a job of a second is run there, named by the check."""

    type: Literal["CheckIntended"] = "CheckIntended"
    check: UUID


class CheckConcluded(Event):
    type: Literal["CheckConcluded"] = "CheckConcluded"
    check: UUID
    checkup: Checkup


class EstimateWanted(Event):
    type: Literal["EstimateWanted"] = "EstimateWanted"
    estimate: UUID
    request: JobRequest


class EstimateGiven(Event):
    type: Literal["EstimateGiven"] = "EstimateGiven"
    estimate: StartEstimate


class MachineForgotten(Event):
    type: Literal["MachineForgotten"] = "MachineForgotten"


class SubmissionIntended(Event):
    type: Literal["SubmissionIntended"] = "SubmissionIntended"
    incident: IncidentId
    simulation: UUID
    request: JobRequest
    inputs: dict[RelativePath, Blob]
    correlation: UUID | None = None
    """Of all that follows from it; None where it was not noted yet."""
    privileges: tuple[Privilege, ...] = ()
    """What it asks for, one after the other while it is refused, and then for nothing special."""
    account: Word = ""
    """What it is charged to where no privilege says otherwise; empty: the machine's own default, or
    an older log."""
    at: float | None = None
    """Seconds since the epoch; older logs do not say."""


class SubmissionConfirmed(Event):
    type: Literal["SubmissionConfirmed"] = "SubmissionConfirmed"
    token: Token
    job_id: JobId
    remarks: Prose = ""
    """What was left out of what the batch system was told, and why."""


class SubmissionRefused(Event):
    type: Literal["SubmissionRefused"] = "SubmissionRefused"
    token: Token
    reason: Prose


class SubmissionAbandoned(Event):
    """The machine has not got it, and will not: it cannot be brought there, or nobody wants it."""

    type: Literal["SubmissionAbandoned"] = "SubmissionAbandoned"
    token: Token
    reason: Prose


class PrivilegeRefused(Event):
    """The machine took the job not as privileged as it was submitted: submission n goes out."""

    type: Literal["PrivilegeRefused"] = "PrivilegeRefused"
    token: Token
    privilege: Name
    reason: Prose
    next: str = ""
    """The privilege of submission n; empty: none."""
    account: Word = ""
    """What submission n is charged to; empty as for `SubmissionIntended`."""
    submission: int


class SubmissionDoubted(Event):
    """Nobody knows whether it got through: it is looked up before it is tried again."""

    type: Literal["SubmissionDoubted"] = "SubmissionDoubted"
    token: Token
    reason: Prose


class SubmissionRepeated(Event):
    """Looked up long enough and not found: submission n goes out."""

    version: int = 2
    type: Literal["SubmissionRepeated"] = "SubmissionRepeated"
    token: Token
    submission: int


class SubmissionStopped(Event):
    """Looked up and not found again and again: a person has to say whether it is tried any more."""

    type: Literal["SubmissionStopped"] = "SubmissionStopped"
    token: Token
    reason: Prose
    """What the last one ended with."""


class TaskHindered(Event):
    """What is to be done for a job fails and is tried again, until its conclusion is an event.

    The first of a row of failures, and every one with another reason.
    """

    type: Literal["TaskHindered"] = "TaskHindered"
    token: Token
    task: JobTask
    reason: Prose


class JobReported(Event):
    type: Literal["JobReported"] = "JobReported"
    report: JobReport

    @property
    def token(self) -> Token:
        return self.report.token


class CopiesSeen(Event):
    """Second copies of a job started, and ended before its program: so many until now."""

    type: Literal["CopiesSeen"] = "CopiesSeen"
    token: Token
    copies: int


class JobForeseen(Event):
    """When the batch system expects to start it: at first, and when that has moved a good deal."""

    type: Literal["JobForeseen"] = "JobForeseen"
    token: Token
    expected: float
    """Seconds since the epoch."""


class CancelIntended(Event):
    type: Literal["CancelIntended"] = "CancelIntended"
    token: Token
    reason: Prose


class CancelSent(Event):
    """The machine took the cancellation; that the job ended is another witness's word."""

    type: Literal["CancelSent"] = "CancelSent"
    token: Token


class HoldIntended(Event):
    type: Literal["HoldIntended"] = "HoldIntended"
    token: Token
    held: bool
    """Otherwise it is released."""
    reason: Prose


class HoldSent(Event):
    """The machine took it; that the job is held, or not any more, is another witness's word."""

    type: Literal["HoldSent"] = "HoldSent"
    token: Token
    held: bool


class HoldRefused(Event):
    type: Literal["HoldRefused"] = "HoldRefused"
    token: Token
    held: bool
    reason: Prose


class CollectionIntended(Event):
    type: Literal["CollectionIntended"] = "CollectionIntended"
    token: Token
    names: tuple[RelativePath, ...]


class RoomSeen(Event):
    """Whether files of ours have room there: while they have none, nothing is submitted."""

    type: Literal["RoomSeen"] = "RoomSeen"
    full: Prose = ""
    """Why nothing can be written there; empty: it can."""


class OutputsCollected(Event):
    type: Literal["OutputsCollected"] = "OutputsCollected"
    token: Token
    outputs: dict[str, Blob]
    missing: tuple[str, ...] = ()
    reason: Prose = ""
    """Why, where they were written and are no results, or nobody wants them any more."""


class JobReleased(Event):
    type: Literal["JobReleased"] = "JobReleased"
    token: Token
    at: float | None = None
    """Seconds since the epoch; older logs do not say."""


class RemovalIntended(Event):
    """The folder of a job that is over was kept as long as its machine's settings say."""

    type: Literal["RemovalIntended"] = "RemovalIntended"
    token: Token
    incident: IncidentId


class FolderRemoved(Event):
    type: Literal["FolderRemoved"] = "FolderRemoved"
    token: Token


class PurgeNears(Event):
    """The centre removes files that are as old as a job's before long, and they are needed."""

    type: Literal["PurgeNears"] = "PurgeNears"
    token: Token
    incident: IncidentId
    at: float
    """Seconds since the epoch."""
    ended: bool
    """Whether it has, and its results are not fetched yet."""


class RefreshRequested(Event):
    type: Literal["RefreshRequested"] = "RefreshRequested"
    token: Token


class MachineAnswered(Event):
    """Reachability changed, or its load did."""

    type: Literal["MachineAnswered"] = "MachineAnswered"
    reachable: bool
    reason: Prose = ""
    load: LoadNews | None = None
    login_needed: bool = False
    """Whether it does not let us in, and nobody has said since that it may be tried again."""
    notice: Prose = ""
    """What somebody should do there before long; empty: nothing."""


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
    | ReleaseJob
    | TakeTurn
    | HandsTold,
    Field(discriminator="type"),
]
OperationEvent = Annotated[
    MachineConfigured
    | MachineForgotten
    | TurnTaken
    | LoginIntended
    | CheckIntended
    | CheckConcluded
    | EstimateWanted
    | EstimateGiven
    | SubmissionIntended
    | SubmissionConfirmed
    | SubmissionRefused
    | SubmissionAbandoned
    | PrivilegeRefused
    | SubmissionDoubted
    | SubmissionRepeated
    | SubmissionStopped
    | TaskHindered
    | JobReported
    | CopiesSeen
    | JobForeseen
    | CancelIntended
    | CancelSent
    | HoldIntended
    | HoldSent
    | HoldRefused
    | CollectionIntended
    | OutputsCollected
    | JobReleased
    | RemovalIntended
    | FolderRemoved
    | PurgeNears
    | RefreshRequested
    | MachineAnswered
    | RoomSeen,
    Field(discriminator="type"),
]
