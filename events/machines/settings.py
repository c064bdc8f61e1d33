"""How a machine is reached, what it has, and what is allowed there."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from events.accounts import Accounts
from events.entry import AtMost, is_entry
from events.prose import Prose
from events.values import DAY, Identifier, Name, Urgency, Value
from events.words import BatchName, Count, Pause, PerMinute, Seconds, Text, Word

FLEET = "fleet"
LOGIN_NEEDED = "LOGIN NEEDED"
"""The words, wherever people read of it."""

_BOUGHT = ("queue", "account", "qos", "reservation", "native")


class Privilege(Value):
    """What a job of an urgent incident asks for on a machine, so that it starts sooner."""

    name: Name
    queue: BatchName = ""
    account: BatchName = ""
    qos: BatchName = ""
    reservation: BatchName = ""
    native: tuple[Word, ...] = ()
    """Options in the batch system's own words, besides those of the job."""
    waits: bool = False
    """Whether "not now" is waited out; otherwise it counts as refused, too."""
    cost: Prose = ""
    """What it costs, for whoever reads of it."""

    @model_validator(mode="before")
    @classmethod
    def _is_known(cls, said: Any, info: ValidationInfo) -> Any:
        unknown = said.keys() - cls.model_fields.keys() if isinstance(said, dict) else ()
        if is_entry(info) and unknown:
            names = {"unknown": min(unknown), "known": ", ".join(cls.model_fields)}
            sentence = "a privilege has no {unknown}; there are: {known}"
            raise PydanticCustomError("privilege", sentence, names)
        return said

    @model_validator(mode="after")
    def _buys(self, info: ValidationInfo) -> "Privilege":
        bought = [getattr(self, name) for name in _BOUGHT]
        if is_entry(info) and not any(bought):
            sentence = "a privilege buys something: say at least one of {bought}"
            raise PydanticCustomError("privilege", sentence, {"bought": ", ".join(_BOUGHT)})
        return self


class MachineLimits(Value):
    """What a centre lets us do on a login node; None: as the system usually does."""

    commands: PerMinute | None = None
    """In any minute, all together: files and looks, too."""
    submissions: PerMinute | None = None
    """Of them, in any minute."""
    ask: Pause | None = None
    """Seconds between two questions to the scheduler about our jobs."""
    ask_least: Seconds = 0.0
    """Seconds that are never undercut, whoever wishes to know sooner."""


class MachineFolders(Value):
    """How long what jobs leave there lasts, in days; None: nobody says, and it is left."""

    keep: float | None = Field(default=None, gt=0, le=36500)
    """A job's folder, from when it is over and its results are fetched; then we remove it."""
    purge: float | None = Field(default=None, gt=0, le=36500)
    """A file, until the centre removes it."""

    def kept_until(self, since: float) -> float | None:
        """When a folder is removed whose job is over since then; seconds since the epoch, both."""
        return None if self.keep is None else since + self.keep * DAY

    def purged_from(self, written: float) -> float | None:
        """When the centre removes a file that was written then; seconds since the epoch, both."""
        return None if self.purge is None else written + self.purge * DAY


def _below_or_absolute(path: str, info: ValidationInfo) -> str:
    """Nobody replaces a `~` on the way to the machine: it would be the name of a folder."""
    leaves = path.startswith("~") or (not path.startswith("/") and ".." in path.split("/"))
    if is_entry(info) and leaves:
        sentence = "it is a directory below the base directory, or an absolute one: no ~, no .."
        raise PydanticCustomError("below_or_absolute", sentence)
    return path


class MachineSettings(Value):
    """How a machine is reached and what it has."""

    name: Identifier
    connection: Identifier = "local"
    dialect: Identifier = "processes"
    base_directory: str = Field(min_length=1)
    """Everything of ours on the machine lies below it."""
    templates: Annotated[Text, AfterValidator(_below_or_absolute)] = Field(
        default="templates", min_length=1
    )
    """The directory of those that jobs may start from, below the base directory; or absolute."""
    nodes: Count = 1
    cores_per_node: Count = 1
    slots: Count = 1
    """Jobs at once, where the dialect has no queue of its own (`processes`)."""
    access: dict[str, JsonValue] = {}
    """What the connection has to know, in its own words, and checked by it; never a secret."""
    batch: dict[str, JsonValue] = {}
    """What the dialect has to know, likewise."""
    limits: MachineLimits = MachineLimits()
    accounts: Accounts = Accounts()
    agents: tuple[Identifier, ...] = ()
    """Names of the processes that alone work on it; none: all do."""
    folders: MachineFolders = MachineFolders()
    environment: dict[str, str] = {}
    """Given to every job."""
    policy: dict[Urgency, tuple[Privilege, ...]] = {}
    """What jobs of an incident of that urgency ask for, one after the other while it is refused; in
    the end they are submitted as any other."""
    test_mode: bool = False
    """No real job: a seeded model of a batch system."""
    seed: Annotated[int, AtMost(2**63 - 1)] = 0


PLACE = ("connection", "dialect", "base_directory", "access", "test_mode")
"""The settings that say where jobs are found."""
_LOGIN = ("connection", "access", "agents", "test_mode")


def moved(was: MachineSettings, now: MachineSettings) -> list[str]:
    """Which of those differ: what is there by the one is not found by the other."""
    return [name for name in PLACE if getattr(was, name) != getattr(now, name)]


def same_login(was: MachineSettings | None, now: MachineSettings) -> bool:
    """Whether one logs in by both alike, and from the same computers."""
    return was is not None and all(getattr(was, name) == getattr(now, name) for name in _LOGIN)
