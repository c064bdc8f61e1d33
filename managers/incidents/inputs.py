"""What the runs of stages tell their manager. No log lies behind these: a run starts again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from events.incidents import Delivery, Ending
from events.values import Command, Document, Note, Target


@dataclass(frozen=True, slots=True)
class ResumeRun:
    """A run was under way when its process ended."""

    run: UUID


@dataclass(frozen=True, slots=True)
class RestRun:
    """Nothing of a run that was started again runs any more, it only waits for others."""

    run: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class RequestCall:
    """A stage awaits what another manager, the clock or a person has to give."""

    run: UUID
    attempt: int
    call: str
    name: str
    target: Target | None = None
    command: Command | None = None
    """Sent to the target, which answers the call."""
    after: float | None = None
    """Seconds until the clock answers it with `otherwise`."""
    otherwise: Document = Document()
    question: str | None = None
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RecordStep:
    """A step is over and will not be run again."""

    run: UUID
    attempt: int
    call: str
    name: str
    value: Document


@dataclass(frozen=True, slots=True)
class RejectedArrival:
    """An arrival, or a part of one, that the stage refused."""

    arrival: UUID | None
    reason: str


@dataclass(frozen=True, slots=True)
class FinishRun:
    """A stage returned: what it sent and set leaves with this, or not at all."""

    run: UUID
    attempt: int
    deliveries: Sequence[Delivery] = ()
    state: Mapping[str, Document] = field(default_factory=dict)
    """The fields it set."""
    notes: Sequence[Note] = ()
    rejected: Sequence[RejectedArrival] = ()
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class FailRun:
    """A stage raised; `final`: no retry will help; `outage`: what it needs of ours is away."""

    run: UUID
    attempt: int
    error: str
    traceback: str = ""
    forget: tuple[str, ...] = ()
    """Calls that are part of the failure; their answers are not kept for the next attempt."""
    final: bool = False
    outage: bool = False


@dataclass(frozen=True, slots=True)
class LookAtClock:
    """Something of the incident is due."""
