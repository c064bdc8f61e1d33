"""What dialects may be told about a site, in `MachineSettings.batch`."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from events.entry import AtMost
from events.machines import MachineSettings
from events.words import BatchName, Seconds, Text, Word
from interfaces.machines.connections.access import checked


class OwnSettings(BaseModel):
    """What every dialect may be told."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prologue: Text = ""
    """Lines for `sh` before every program, for example to make `module` known."""
    _spoken_for: frozenset[str] = PrivateAttr(frozenset())

    @property
    def spoken_for(self) -> frozenset[str]:
        """Accounts that are somebody's, case folded: no job asks for one of them by itself."""
        return self._spoken_for


class BatchSettings(OwnSettings):
    """Settings of a site with a batch system; each dialect adds its own."""

    queue: BatchName = ""
    """Where jobs go that name no queue."""
    account: BatchName = ""
    """Who pays for jobs that name no account."""
    native: tuple[Word, ...] = ()
    """Options of every job in the batch system's own words, a line each."""
    accounting: bool = True
    """Whether the site keeps accounts of ended jobs that we can read; if not, nobody asks them."""
    instances: Annotated[int, Field(gt=0), AtMost(1_000_000_000)] | None = None
    """The most that an array may have; 1: no arrays; None: it is left to the batch system."""
    lag: Seconds = 10.0
    """Seconds that queue and accounts may be behind the truth."""
    late: Seconds = 120.0
    """Seconds after which a submission that got no answer is not accepted any more."""

    @property
    def doubt(self) -> float:
        """Seconds after which a submission that nobody finds was not accepted."""
        return self.lag + self.late


class DatedSettings(BatchSettings):
    """Of a batch system whose accounts are asked for a span of time."""

    accounts_days: Annotated[int, AtMost(36_500)] = Field(default=30, gt=0)
    """How far back they are asked for a job whose folder does not tell when it was submitted."""


S = TypeVar("S", bound=OwnSettings)


def batch_settings(kind: type[S], machine: MachineSettings) -> S:
    """A machine's settings for its dialect; raises `WrongSettings`."""
    settings = checked(machine, "batch", machine.batch, kind)
    settings._spoken_for = machine.accounts.spoken_for
    return settings
