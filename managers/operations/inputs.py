"""What the hands on a machine tell of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from events.checkups import Checkup
from events.jobs import JobId, JobReport, Token
from events.machines import MachineLoad, StartEstimate
from events.operations import JobTask
from events.values import Blob


@dataclass(frozen=True, slots=True)
class SubmissionBegins:
    """The job's folder is made; the submission goes out once this counts."""

    token: Token
    submission: int


@dataclass(frozen=True, slots=True)
class SubmissionAnswered:
    """The batch system has the job."""

    token: Token
    submission: int
    job_id: JobId
    remarks: str = ""
    """What was left out of what it was told."""


@dataclass(frozen=True, slots=True)
class SubmissionTurnedDown:
    """The batch system will never take the job."""

    token: Token
    submission: int
    reason: str


@dataclass(frozen=True, slots=True)
class SubmissionInDoubt:
    """Nobody knows whether the batch system has it; it is being looked up."""

    token: Token
    submission: int
    reason: str


@dataclass(frozen=True, slots=True)
class SubmissionAbsent:
    """Looked up for long enough: the submission did not get through."""

    token: Token
    submission: int


@dataclass(frozen=True, slots=True)
class SubmissionImpossible:
    """The job cannot even be brought to the machine, now or later."""

    token: Token
    submission: int
    reason: str


@dataclass(frozen=True, slots=True)
class TaskFails:
    """What is to be done for a job fails, and is tried again."""

    token: Token
    task: JobTask
    reason: str


@dataclass(frozen=True, slots=True)
class JobSeen:
    """What a witness says of a job; repetitions change nothing."""

    report: JobReport
    others: Sequence[JobReport] = ()
    """Of other instances of the same array, at the same time."""

    @property
    def token(self) -> Token:
        return self.report.token


@dataclass(frozen=True, slots=True)
class StartSeen:
    """When the batch system expects to start a job that waits; seconds since the epoch."""

    token: Token
    expected: float


@dataclass(frozen=True, slots=True)
class CancelTaken:
    """The machine took the wish to end a job."""

    token: Token
    settled: bool | None = None
    """Whether the job's submission was over then: one under way may have got there afterwards.

    None: an agent of before that does not say.
    """


@dataclass(frozen=True, slots=True)
class HoldTaken:
    """The machine took the wish to hold a job, or to release it."""

    token: Token
    held: bool


@dataclass(frozen=True, slots=True)
class HoldTurnedDown:
    """The machine does not hold the job, or not release it."""

    token: Token
    held: bool
    reason: str


@dataclass(frozen=True, slots=True)
class OutputsStored:
    """A job's results lie in the blob store, without the `missing`."""

    token: Token
    outputs: Mapping[str, Blob]
    missing: Sequence[str]
    reason: str = ""
    """Why, where they were written and are no results."""


@dataclass(frozen=True, slots=True)
class FolderGone:
    """What was left of a job is removed."""

    token: Token


@dataclass(frozen=True, slots=True)
class LookAtClock:
    """Something of the machine is due."""


@dataclass(frozen=True, slots=True)
class CheckedUp:
    """What a check of the machine found."""

    check: UUID
    checkup: Checkup


@dataclass(frozen=True, slots=True)
class RoomLooked:
    """Whether something could be written on the machine; `full`: why not, for want of room."""

    full: str = ""


@dataclass(frozen=True, slots=True)
class Estimated:
    """When a job would start."""

    estimate: StartEstimate


@dataclass(frozen=True, slots=True)
class MachineLooked:
    """Whether the machine answers, and how busy it is."""

    reachable: bool
    reason: str = ""
    load: MachineLoad | None = None
    login_needed: bool = False
    notice: str = ""


Told = (
    SubmissionBegins
    | SubmissionAnswered
    | SubmissionTurnedDown
    | SubmissionInDoubt
    | SubmissionAbsent
    | SubmissionImpossible
    | TaskFails
    | JobSeen
    | StartSeen
    | CancelTaken
    | HoldTaken
    | HoldTurnedDown
    | OutputsStored
    | FolderGone
    | CheckedUp
    | RoomLooked
    | Estimated
    | MachineLooked
)
_KINDS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Told)}


def written(told: object) -> tuple[str, JsonValue]:
    """What hands tell, by its kind and as JSON, for a process that is not theirs."""
    kind = type(told).__name__
    return kind, _KINDS[kind].dump_python(told, mode="json")


def read(kind: str, told: JsonValue) -> Told:
    """The same, read. Raises `ValueError`, also for a kind that there is not."""
    if kind not in _KINDS:
        raise ValueError(f"hands do not tell {kind}")
    found: Told = _KINDS[kind].validate_python(told)
    return found
