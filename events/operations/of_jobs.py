"""What befell a job on its machine, and the folder that it leaves."""

from enum import StrEnum
from typing import Literal

from events.jobs import JobReport, JobState, RelativePath, Token
from events.prose import Prose
from events.values import Blob, Event, IncidentId


class JobTask(StrEnum):
    """What there is to do for a job."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    HOLD = "hold"
    RELEASE = "release"
    COLLECT = "collect"
    REMOVE = "remove"
    """What is left of it."""


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
    until: float | None = None
    """Likewise: until when its wrapper is heard all the same, since it may be requeued."""


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


class JobForgone(Event):
    """One that others come after will never be submitted."""

    type: Literal["JobForgone"] = "JobForgone"
    token: Token
    state: JobState


class RefreshRequested(Event):
    type: Literal["RefreshRequested"] = "RefreshRequested"
    token: Token


OfJob = (
    TaskHindered
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
    | JobForgone
)
