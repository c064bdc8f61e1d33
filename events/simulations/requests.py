"""What a simulation needs, and what it comes to."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError, to_json

from events.entry import is_entry
from events.jobs import (
    MOST_INSTANCES,
    JobId,
    JobOptions,
    JobState,
    RelativePath,
    Template,
    Waiting,
    output_files,
)
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

MOST_REQUESTED = 400_000
"""Bytes of a request in JSON: what is decided about it is one record of the log."""
MOST_TOLD = 200_000
"""Bytes of its results' names, digests and sizes in JSON, since a record repeats them: what was
kept, the answers to those who wait, and a callback."""
MOST_NAMED = 100
"""Results at most that are named where none can be kept, since they are too many."""

_DIGEST_AND_SIZE = 110
"""Bytes in JSON, at most."""


def told_bytes(outputs: tuple[str, ...]) -> int:
    """Of the results' names, digests and sizes in JSON, at most."""
    return len(to_json(outputs)) + _DIGEST_AND_SIZE * len(outputs)


def _few(outputs: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if is_entry(info) and (size := told_bytes(outputs)) > MOST_TOLD:
        sentence = (
            "the names, digests and sizes of {number} results come to {size} bytes, and at most"
            " {most} are kept: let the program pack them into fewer files"
        )
        told = {"number": len(outputs), "size": size, "most": MOST_TOLD}
        raise PydanticCustomError("too_many", sentence, told)
    return outputs


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
    template: Template = ""
    """The directory on its machine from which its job's folder starts, before its inputs are put
    there."""
    inputs: dict[RelativePath, Blob] = {}
    outputs: Annotated[tuple[RelativePath, ...], AfterValidator(_few)] = ()
    environment: dict[VariableName, Text] = {}
    machine: Identifier | None = None
    """Where it must run; the Machine Status Manager chooses if absent."""
    comment: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _small(self, info: ValidationInfo) -> Self:
        if is_entry(info) and (size := len(self.model_dump_json())) > MOST_REQUESTED:
            sentence = (
                "it comes to {size} bytes, and at most {most} are taken: pack its inputs into"
                " fewer files, and put what is long into one"
            )
            raise PydanticCustomError("too_long", sentence, {"size": size, "most": MOST_REQUESTED})
        return self

    @model_validator(mode="after")
    def _apart(self, info: ValidationInfo) -> Self:
        printed = output_files(self.resources.instances) if is_entry(info) else set[str]()
        for name in self.inputs:
            if (place := name.partition("/")[0]) in printed:
                sentence = "{place} is where the job's output goes: call the input {name} otherwise"
                raise PydanticCustomError("taken", sentence, {"place": place, "name": name})
        return self


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
