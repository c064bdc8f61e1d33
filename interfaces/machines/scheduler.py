"""What the dialects of batch systems have in common, whatever words they use."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from events.jobs import JobReport, JobRequest, Token
from interfaces.machines.asking import Unasked
from interfaces.machines.batch_settings import BatchSettings
from interfaces.machines.dialect import Command, Estimate
from interfaces.machines.layout import Layout
from interfaces.machines.wrapper import wrapper

S = TypeVar("S", bound=BatchSettings)


@dataclass(frozen=True)
class Scheduler(ABC, Generic[S]):
    """A batch system at one site: half of a `Dialect`, each says the rest in its own words."""

    layout: Layout
    settings: S
    job_id: ClassVar[str]
    """A word of shell that gives a running job's id."""

    @property
    def lag(self) -> float:
        return self.settings.lag

    @property
    def doubt(self) -> float:
        return self.settings.doubt

    def wrapper(self, request: JobRequest, submission: int) -> str:
        return wrapper(request, self.layout, self.job_id, self.settings.prologue)

    def history(self, tokens: Collection[Token]) -> Command[list[JobReport]]:
        if not self.settings.accounting:
            return Unasked[list[JobReport]]([])
        return self.accounts(tuple(tokens))

    @abstractmethod
    def accounts(self, tokens: tuple[Token, ...]) -> Command[list[JobReport]]:
        """What the accounts say of ended jobs; asked only where a site keeps any."""

    def estimate(self, request: JobRequest) -> Command[Estimate]:
        return Unasked(Estimate())
