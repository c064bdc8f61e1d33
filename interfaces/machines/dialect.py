"""The port to a batch system's language: pure commands, a script beside the reading of its answer.

A dialect does no I/O. One module or package a dialect, so that what real systems answered can be
tested without them; `interfaces.machines.testing` holds what every dialect promises.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from events.jobs import JobId, JobReport, JobRequest, Token
from events.machines import MachineLoad
from interfaces.machines.connection import Completed, MachineError
from interfaces.machines.site import Site

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
    remarks: str = ""
    """What was left out of it, and why: one sentence a piece."""


@dataclass(frozen=True)
class Refused:
    """The batch system has not taken the job and will not."""

    reason: str
    permanent: bool
    """Whether asking again later is useless."""


CANCELLED_BEFORE = Refused("it was cancelled before it was submitted", permanent=True)


class InDoubt(MachineError):
    """Nobody knows whether the job was submitted.

    After `wait` seconds a look-up that finds nothing is proof that it was not.
    """

    def __init__(self, text: str, wait: float) -> None:
        super().__init__(text)
        self.wait = wait


@dataclass(frozen=True)
class Estimate:
    """What a batch system says of a job that was not submitted."""

    start: float | None = None
    """Seconds since the epoch; None: it does not tell."""
    impossible: str = ""
    """Why it would never start, in its own words."""


class Dialect(Protocol):
    """What `ShellBatchSystem` has to know about one kind of batch system."""

    @property
    def lag(self) -> float:
        """Seconds that queue and history may be behind the truth."""
        ...

    @property
    def doubt(self) -> float:
        """Seconds after which a submission that nobody finds was not accepted; at least `lag`."""
        ...

    @property
    def forgets_deleted(self) -> bool:
        """Whether history knows all that ever started, and nothing that was deleted before.

        There a job that waited, and after `lag` is nowhere any more, was deleted.
        """
        ...

    @property
    def directive(self) -> str:
        """How a line of a user's script begins that is meant for it; empty if there are none."""
        ...

    @property
    def directives_anywhere(self) -> bool:
        """Whether it heeds such lines in all of a script, and not only before its first command."""
        ...

    @property
    def most_instances(self) -> int | None:
        """Of one array; 1: there are no arrays; None: nobody has said."""
        ...

    @property
    def not_now(self) -> Sequence[str]:
        """Texts of the submit command that say: not taken, ask again; see `Refused`."""
        ...

    def check(self) -> Command[None]:
        """Whether the machine has what the dialect needs; raises with what is missing."""
        ...

    def site(self) -> Command[Site]:
        """How the batch system is set up; what it does not tell is unknown."""
        ...

    def wrapper(self, request: JobRequest, submission: int) -> str:
        """The wrapper's text for this batch system."""
        ...

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> Command[Submitted | Refused]:
        """Submit `wrapper.sh` of the working directory, which is the submission's own.

        `directives` are what follows `directive` in the lines of the user's script: they count
        where the request says nothing. `parse` raises `InDoubt` for every answer that is neither a
        job id nor a known refusal.
        """
        ...

    def jobs(self, tokens: Collection[Token]) -> Command[list[JobReport]]:
        """Those of our jobs that are in the queue, in one question.

        A job of another name is not ours. One that nobody understands has its word in `unknown`.
        Of an array, each instance is reported, however the batch system lists them.
        """
        ...

    def history(self, tokens: Collection[Token]) -> Command[list[JobReport]]:
        """What the accounts say, since they were submitted, of jobs that are not in the queue.

        What is said of an array as a whole holds for its instances that never started.
        """
        ...

    def cancel(self, token: Token, job_id: JobId | None) -> Command[None]:
        """Wish the job's end; that it has none any more is no error."""
        ...

    def hold(self, token: Token) -> Command[None]:
        """Wish that a job that waits does not start."""
        ...

    def release(self, token: Token) -> Command[None]:
        """Take that back."""
        ...

    def estimate(self, request: JobRequest) -> Command[Estimate]:
        """When a job would start; what is in the queue tells it as `JobReport.expected`."""
        ...

    def load(self) -> Command[MachineLoad]:
        """How busy the machine is."""
        ...
