"""What the dialects of batch systems have in common, whatever words they use."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from events.jobs import JobReport, JobRequest, Token
from interfaces.machines.dialect import Command, Estimate
from interfaces.machines.dialects.asking import Unasked
from interfaces.machines.dialects.batch_settings import BatchSettings
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.scripts.passing import NO_LAUNCHER, Launcher
from interfaces.machines.scripts.wrapper import wrapper

S = TypeVar("S", bound=BatchSettings)


@dataclass(frozen=True)
class Scheduler(ABC, Generic[S]):
    """A batch system at one site: half of a `Dialect`, each says the rest in its own words."""

    layout: Layout
    settings: S
    job_id: ClassVar[str]
    """A word of shell that gives a running job's id."""
    instance_id: ClassVar[str] = ""
    """The same of an array's instance, where it is another word."""
    instance: ClassVar[str]
    """A word that gives its number, from 0."""
    launcher: ClassVar[Launcher] = NO_LAUNCHER

    @property
    def lag(self) -> float:
        return self.settings.lag

    @property
    def forgets_deleted(self) -> bool:
        return False

    @property
    def doubt(self) -> float:
        return self.settings.doubt

    @property
    def most_instances(self) -> int | None:
        return self.settings.instances

    def wrapper(self, request: JobRequest, submission: int) -> str:
        job_id = self.instance_id if request.instances > 1 and self.instance_id else self.job_id
        prologue = self.settings.prologue
        return wrapper(request, self.layout, job_id, prologue, self.instance, self.launcher)

    def history(self, tokens: Collection[Token]) -> Command[list[JobReport]]:
        if not self.settings.accounting:
            return Unasked[list[JobReport]]([])
        return self.accounts(tuple(tokens))

    @abstractmethod
    def accounts(self, tokens: tuple[Token, ...]) -> Command[list[JobReport]]:
        """What the accounts say of ended jobs; asked only where a site keeps any."""

    def estimate(self, request: JobRequest) -> Command[Estimate]:
        return Unasked(Estimate())
