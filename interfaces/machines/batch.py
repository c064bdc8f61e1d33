"""The port that drives one machine's batch system, whatever its dialect, connection or reality."""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Mapping
from typing import Protocol, Self

from pydantic import JsonValue

from events.jobs import (
    JobId,
    JobReport,
    JobRequest,
    Part,
    RelativePath,
    Template,
    Token,
    Witness,
)
from events.machines import MachineLoad
from interfaces.machines.dialect import Estimate, Refused, Submitted
from interfaces.machines.site import Host, Site


class BatchSystem(Protocol):
    """Jobs on one machine, each known by its token; a context manager, open while in use.

    An array is one job, and what witnesses say is about its instances, each a *part* of it.

    Every method raises `Unreachable` when the machine cannot be asked, which says nothing about its
    jobs, and other `MachineError`s when it does not answer as it should.
    """

    @property
    def lag(self) -> float:
        """Seconds for which `find` may be behind the truth."""
        ...

    @property
    def least_lag(self) -> float:
        """The same where nobody measured it: what a check measures counts where it is more."""
        ...

    @property
    def forgets_deleted(self) -> bool:
        """Whether a job that waited, and that `find` then finds no more, was deleted for sure."""
        ...

    @property
    def shell_startup(self) -> float | None:
        """Seconds until a shell begins with a script, start-up files included; None: not seen."""
        ...

    @property
    def notice(self) -> str:
        """What somebody should do about the way there before long; empty: nothing."""
        ...

    async def prepare(
        self,
        token: Token,
        inputs: Mapping[RelativePath, AsyncIterable[bytes]],
        template: Template = "",
        *,
        again: bool = False,
    ) -> None:
        """Make the job's folder, as a copy of the template if there is one, and put its inputs in.

        An input that begins as programs do may be executed. May be repeated: the template is copied
        once, and once a submission was tried nothing changes any more. `again` says that one may
        have been: raises `InDoubt` where the folder, which would tell, is gone. Raises
        `TemplateUnfit`.
        """
        ...

    async def submit(self, request: JobRequest, submission: int) -> Submitted | Refused:
        """Submit a prepared job; `submission` counts how often it goes out, from 1.

        The same submission never goes out twice: repeated, it gives the recorded answer. Raises
        `InDoubt`; when its `wait` is over and `find` knows nothing, submission n+1 may go out, and
        bars all before it.
        """
        ...

    async def find(self, parts: Collection[Part]) -> Mapping[Part, JobReport]:
        """Ask every witness: folder, queue, accounts.

        A part that is absent was not found now; it is proof of absence only after `lag` seconds.
        `ENDING` with the witness `QUEUE` is a job that is gone without a word of its end.
        """
        ...

    async def observe(
        self, parts: Collection[Part], *, ask_scheduler: bool = False
    ) -> list[JobReport]:
        """What the wrappers' marks say, cheaply; with `ask_scheduler` as much as `find`.

        While the accounts do not answer, jobs that only they would know of are left out.

        `ENDING` with an exit code is a program that was told to stop: the scheduler knows why.
        """
        ...

    async def cancel(self, token: Token, job_id: JobId | None = None) -> None:
        """Wish the job's end. A copy of it that appears later does not start its program.

        Raises `NoRoom` where the latter cannot be seen to; what is there ends all the same.
        """
        ...

    async def hold(self, token: Token) -> None:
        """Wish that a job that waits does not start; raises where the machine cannot."""
        ...

    async def release(self, token: Token) -> None:
        """Let a job that is held start when it may."""
        ...

    async def estimate(self, request: JobRequest) -> Estimate:
        """When a job would start if it were submitted now; nothing is submitted."""
        ...

    def fetch(self, token: Token, name: RelativePath, limit: int) -> AsyncIterator[bytes]:
        """Read a file in the job's folder, of at most `limit` bytes.

        Raises `FileMissing`, and `FileUnfit` for what is none, lies elsewhere or is too large.
        """
        ...

    async def stderr_tail(self, part: Part) -> str:
        """The last 4 KiB of what its program wrote to its standard error."""
        ...

    async def load(self) -> MachineLoad:
        """How busy the machine is."""
        ...

    async def host(self) -> Host:
        """What the login node says of itself."""
        ...

    async def site(self) -> Site:
        """How the batch system is set up."""
        ...

    async def hear(self, witness: Witness, token: Token) -> JobReport | None:
        """What the queue alone, or the accounts alone, say of a job; None: nothing."""
        ...

    async def remove(self, token: Token) -> None:
        """Take away what is left of a job that has ended, or never started."""
        ...

    async def retire(self, token: Token) -> None:
        """Remove what a job that is over has left; may be repeated.

        Nothing of that token is put, submitted or started there any more.
        """
        ...

    def learn(self, learned: Mapping[str, JsonValue]) -> None:
        """Settings of the dialect that a check measured: they count where nothing else is said."""
        ...

    async def check(self) -> None:
        """Make what is needed of ours there; raises `MachineError` for what keeps jobs off."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...
