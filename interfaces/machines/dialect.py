"""The port to a batch system's language: pure commands, a script beside the reading of its answer.

A dialect does no I/O. One module a dialect, so that what real systems answered can be tested
without them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

from events.jobs import JobId, JobReport, JobRequest, Token
from interfaces.machines.connection import Completed, MachineError

Answer = TypeVar("Answer", covariant=True)


class Command(Protocol[Answer]):
    """One question or wish to a batch system."""

    def script(self) -> str:
        """What `/bin/sh` runs on the machine."""
        ...

    def parse(self, completed: Completed) -> Answer:
        """What the machine's answer means; raises `CommandFailed` where it answers nothing."""
        ...


@dataclass(frozen=True)
class Submitted:
    """The batch system has the job."""

    job_id: JobId


@dataclass(frozen=True)
class Refused:
    """The batch system has not taken the job and will not."""

    reason: str
    permanent: bool
    """Whether asking again later is useless."""


class InDoubt(MachineError):
    """Nobody knows whether the job was submitted.

    After `wait` seconds a look-up that finds nothing is proof that it was not.
    """

    def __init__(self, text: str, wait: float) -> None:
        super().__init__(text)
        self.wait = wait


@dataclass(frozen=True)
class QueueLoad:
    """How busy a machine is; what cannot be seen is None, never 0."""

    nodes_total: int | None = None
    nodes_used: int | None = None
    slots_total: int | None = None
    slots_used: int | None = None
    running: int | None = None
    queued: int | None = None


class Dialect(Protocol):
    """What `ShellBatchSystem` has to know about one kind of batch system."""

    @property
    def lag(self) -> float:
        """Seconds that queue and history may be behind the truth."""
        ...

    def check(self) -> Command[None]:
        """Whether the machine has what the dialect needs; raises with what is missing."""
        ...

    def wrapper(self, request: JobRequest, submission: int) -> str:
        """The wrapper's text for this batch system."""
        ...

    def submit(self, request: JobRequest, submission: int) -> Command[Submitted | Refused]:
        """Submit `wrapper.sh` of the working directory, which is the submission's own.

        `parse` raises `InDoubt` for every answer that is neither a job id nor a known refusal.
        """
        ...

    def jobs(self, tokens: Collection[Token]) -> Command[list[JobReport]]:
        """Those of our jobs that are in the queue, in one question."""
        ...

    def history(self, tokens: Collection[Token]) -> Command[list[JobReport]]:
        """What the accounts say of jobs that are not in the queue."""
        ...

    def cancel(self, token: Token, job_id: JobId | None) -> Command[None]:
        """Wish the job's end; that it has none any more is no error."""
        ...

    def load(self) -> Command[QueueLoad]:
        """How busy the machine is."""
        ...
