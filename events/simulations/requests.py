"""What a simulation needs, and what it comes to."""

from uuid import UUID

from pydantic import Field

from events.jobs import MOST_INSTANCES, JobId, JobOptions, JobState, RelativePath, Waiting
from events.prose import Prose
from events.values import Blob, Identifier, Name, Value
from events.words import (
    MOST_WALLTIME,
    Constraint,
    Count,
    Mebibytes,
    PerNode,
    Tasks,
    Text,
    VariableName,
)


class Resources(Value):
    """What a job needs of a machine; each instance of an array needs as much."""

    instances: int = Field(default=1, gt=0, le=MOST_INSTANCES)
    """More than one: an array, each with its number, from 0, in `VESTEC_INSTANCE`."""
    nodes: Count = 1
    tasks: Tasks = 1
    cpus_per_task: PerNode = Field(default=1, gt=0)
    memory_mib: Mebibytes | None = None
    """Of each node."""
    gpus: PerNode = Field(default=0, ge=0)
    """Of each node."""
    exclusive: bool = False
    """No other job on its nodes."""
    constraint: Constraint = ""
    """Properties that its nodes must have, in the batch system's words."""
    walltime: int = Field(gt=0, le=MOST_WALLTIME)
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
    unwanted: bool = False
    """Somebody wished its end before it came."""
