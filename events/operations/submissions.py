"""How jobs come to a machine: intended, confirmed, refused, in doubt, given up."""

from typing import Literal
from uuid import UUID

from events.jobs import JobId, JobRequest, RelativePath, Token
from events.machines import Privilege
from events.prose import Prose
from events.values import Blob, Event, IncidentId, Name
from events.words import Word


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


class SubmissionBegun(Event):
    """Its folder is made: from now on it may have gone out."""

    type: Literal["SubmissionBegun"] = "SubmissionBegun"
    token: Token


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


OfSubmission = (
    SubmissionIntended
    | SubmissionBegun
    | SubmissionConfirmed
    | SubmissionRefused
    | SubmissionAbandoned
    | PrivilegeRefused
    | SubmissionDoubted
    | SubmissionRepeated
    | SubmissionStopped
)
