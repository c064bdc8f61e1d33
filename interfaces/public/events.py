"""What outsiders are told: one model an event, under a name and a version that stay.

They are not the log's own events, which change with our code and hold what is nobody else's
business. Here are ids, names that were given to be shown, states, times, sizes and digests; no text
that a person or a program wrote (reasons, comments, errors), no parameters, no address that data is
taken from or sent to, no user. A version only ever gets more fields; anything else is another one.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import ConfigDict

from events.incidents import IncidentStatus
from events.jobs import JobState, Witness
from events.values import Sha256, Value


class PublicEvent(Value):
    """What all of them say."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: ClassVar[str]
    version: ClassVar[int] = 1

    incident: str
    """Its id, as in the attribute `subject`."""

    @classmethod
    def type(cls) -> str:
        """The CloudEvents attribute of that name."""
        return f"vestec.{cls.name}.v{cls.version}"


class IncidentCreated(PublicEvent):
    """An incident was created. It waits until somebody activates it."""

    name = "incident.created"

    kind: str
    """Its workflow."""
    workflow_version: int
    title: str
    """As whoever created it named it."""
    exercise: bool
    """Whether it is only one, as all of its events say in the attribute `exercise`."""


class IncidentActivated(PublicEvent):
    """An incident's workflow began."""

    name = "incident.activated"


class IncidentEnded(PublicEvent):
    """An incident is over. A late word on one of its simulations may yet follow."""

    name = "incident.ended"

    outcome: Literal[IncidentStatus.COMPLETE, IncidentStatus.CANCELLED]


class IncidentArchived(PublicEvent):
    """An incident that was over was put away."""

    name = "incident.archived"


class ArrivalReceived(PublicEvent):
    """Data came in for an incident, pushed or pulled."""

    name = "arrival.received"

    arrival: UUID
    received: float
    """Seconds since 1970."""
    media_type: str
    size: int
    """Bytes."""
    sha256: Sha256


class ArrivalRejected(PublicEvent):
    """Data that came in, or a part of it, was refused by the workflow."""

    name = "arrival.rejected"

    arrival: UUID | None
    """null: of several that were taken together."""


class SimulationCreated(PublicEvent):
    """A program is to run on some machine."""

    name = "simulation.created"

    simulation: UUID
    kind: str
    """What it computes."""
    instances: int
    """How many jobs it is, each with what follows."""
    nodes: int
    tasks: int
    cpus_per_task: int
    walltime: int
    """Seconds that it may run."""


class SimulationPlaced(PublicEvent):
    """A machine was chosen for a simulation."""

    name = "simulation.placed"

    simulation: UUID
    machine: str


class SimulationChanged(PublicEvent):
    """A simulation's job is in another state, or an instance of it is, if it is an array of jobs.

    `LOST` is no end for certain: a late witness may still know better. A requeue counts as another
    attempt.
    """

    name = "simulation.changed"

    simulation: UUID
    state: JobState
    witness: Witness
    """Who said so: the queue, accounting, the job's own status file, or we ourselves."""
    attempt: int
    exit_code: int | None
    started: float | None
    """Seconds since 1970, by the machine's clock."""
    ended: float | None
    """Likewise."""
    instances: dict[JobState, int]
    """Of an array: how many are in which state."""


class File(Value):
    """Bytes, named by their digest."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    sha256: Sha256
    size: int
    """Bytes."""


class ResultsKept(PublicEvent):
    """What a simulation wrote was fetched from its machine."""

    name = "simulation.results-kept"

    simulation: UUID
    results: dict[str, File]
    """By the names that were asked for."""
    missing: tuple[str, ...]
    """Names that were asked for in vain."""


class DataSetRegistered(PublicEvent):
    """An incident has another data set: a map, a table, a score."""

    name = "data-set.registered"

    data_set: UUID
    title: str
    kind: str
    """What clients key on, such as `2D_FIRE`; may be empty."""
    media_type: str
    size: int
    """Bytes."""
    sha256: Sha256
    simulation: UUID | None
    """That made it."""


class DataSetSuperseded(PublicEvent):
    """A data set was replaced by a newer one."""

    name = "data-set.superseded"

    data_set: UUID
    by: UUID


PUBLIC_EVENTS: tuple[type[PublicEvent], ...] = (
    IncidentCreated,
    IncidentActivated,
    IncidentEnded,
    IncidentArchived,
    ArrivalReceived,
    ArrivalRejected,
    SimulationCreated,
    SimulationPlaced,
    SimulationChanged,
    ResultsKept,
    DataSetRegistered,
    DataSetSuperseded,
)
"""All that there are, in the order in which one meets them."""
