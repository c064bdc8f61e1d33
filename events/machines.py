"""Commands and events of the fleet of machines: which there are, how they fare, who runs where.

Key: always `FLEET`, since whoever decides must see all machines.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue

from events.accounts import Accounts
from events.checkups import Checkup
from events.jobs import JobOptions, JobState, Word
from events.prose import Prose
from events.simulations import Resources
from events.values import DAY, Command, Event, Identifier, IncidentId, Name, Urgency, Value

FLEET = "fleet"
LOGIN_NEEDED = "LOGIN NEEDED"
"""The words, wherever people read of it."""


class Privilege(Value):
    """What a job of an urgent incident asks for on a machine, so that it starts sooner."""

    name: Name
    queue: Word = ""
    account: Word = ""
    qos: Word = ""
    reservation: Word = ""
    native: tuple[Word, ...] = ()
    """Options in the batch system's own words, besides those of the job."""
    waits: bool = False
    """Whether "not now" is waited out; otherwise it counts as refused, too."""
    cost: Prose = ""
    """What it costs, for whoever reads of it."""


class MachineLimits(Value):
    """What a centre lets us do on a login node; None: as the system usually does."""

    commands: int | None = Field(default=None, gt=0)
    """In any minute, all together: files and looks, too."""
    submissions: int | None = Field(default=None, gt=0)
    """Of them, in any minute."""
    ask: float | None = Field(default=None, gt=0)
    """Seconds between two questions to the scheduler about our jobs."""
    ask_least: float = Field(default=0.0, ge=0)
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


class MachineSettings(Value):
    """How a machine is reached and what it has."""

    name: Identifier
    connection: Identifier = "local"
    dialect: Identifier = "processes"
    base_directory: str = Field(min_length=1)
    """Everything of ours on the machine lies below it."""
    nodes: int = Field(default=1, gt=0)
    cores_per_node: int = Field(default=1, gt=0)
    slots: int = Field(default=1, gt=0)
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
    seed: int = 0


PLACE = ("connection", "dialect", "base_directory", "access", "test_mode")
"""The settings that say where jobs are found."""


def moved(was: MachineSettings, now: MachineSettings) -> list[str]:
    """Which of those differ: what is there by the one is not found by the other."""
    return [name for name in PLACE if getattr(was, name) != getattr(now, name)]


class Queue(Value):
    """One queue, or partition, of a batch system; what it does not tell is None."""

    name: str
    open: bool | None = None
    """Whether its jobs start."""
    walltime: int | None = None
    """The most that a job may ask for, in seconds."""
    nodes: int | None = None
    running: int | None = None
    queued: int | None = None


def _by_name(queues: tuple[Queue, ...]) -> tuple[Queue, ...]:
    named = {queue.name: queue for queue in queues}
    return tuple(named[name] for name in sorted(named))


class MachineLoad(Value):
    """What a machine says of itself; what cannot be seen is unknown (None), never 0."""

    nodes: int | None = None
    nodes_used: int | None = None
    slots: int | None = None
    """What jobs run on: cores, mostly."""
    slots_used: int | None = None
    running: int | None = None
    queued: int | None = None
    queues: Annotated[tuple[Queue, ...], AfterValidator(_by_name)] = ()


class LoadNews(MachineLoad):
    """What a machine says of itself; of its queues, only those that are new or have changed."""

    gone: tuple[str, ...] | None = None
    """Names of queues that are there no more; None: `queues` are all there are."""

    @classmethod
    def of(cls, was: MachineLoad | None, now: MachineLoad) -> "LoadNews":
        """What of a load is to be told to whoever knows the one before."""
        if was is None:
            return cls(**dict(now))
        names = {queue.name for queue in now.queues}
        gone = tuple(queue.name for queue in was.queues if queue.name not in names)
        changed = tuple(queue for queue in now.queues if queue not in was.queues)
        return cls(**{**dict(now), "queues": changed, "gone": gone})

    def after(self, was: MachineLoad | None) -> MachineLoad:
        """The load, whole, for whoever knows the one before."""
        known = was.queues if was and self.gone is not None else ()
        left = [queue for queue in known if queue.name not in (self.gone or ())]
        whole = {name: getattr(self, name) for name in MachineLoad.model_fields}
        return MachineLoad(**{**whole, "queues": (*left, *self.queues)})


MOST_ESTIMATES = 20
"""Under way on a machine at a time, since each is a command there. As many of the newest are kept,
for those who asked to find theirs."""


class StartEstimate(Value):
    """What a batch system says of a job that was not submitted."""

    id: UUID
    """Of the question."""
    start: float | None = None
    """Seconds since the epoch; None: it does not tell."""
    impossible: Prose = ""
    """Why it would never start, in its own words."""
    failed: Prose = ""
    """Why it could not be asked."""


# Commands of people.


class AddMachine(Command):
    type: Literal["AddMachine"] = "AddMachine"
    settings: MachineSettings


class ChangeMachine(Command):
    type: Literal["ChangeMachine"] = "ChangeMachine"
    settings: MachineSettings


class RemoveMachine(Command):
    """Refused while jobs of ours are there."""

    type: Literal["RemoveMachine"] = "RemoveMachine"
    name: Identifier


class EnableMachine(Command):
    type: Literal["EnableMachine"] = "EnableMachine"
    name: Identifier


class DisableMachine(Command):
    """No new job goes there; those there are followed to their end."""

    type: Literal["DisableMachine"] = "DisableMachine"
    name: Identifier


class AllowLogin(Command):
    """Somebody has seen to it that the machine lets us in: it may be tried again, once."""

    type: Literal["AllowLogin"] = "AllowLogin"
    name: Identifier


class CheckMachine(Command):
    """Find out all that can be known of a machine, with a job of its own."""

    type: Literal["CheckMachine"] = "CheckMachine"
    name: Identifier
    check: UUID


class EstimateStart(Command):
    """Ask when a job would start if it were submitted now; nothing is."""

    type: Literal["EstimateStart"] = "EstimateStart"
    name: Identifier
    estimate: UUID
    resources: Resources
    options: JobOptions = JobOptions()


# Commands of other managers.


class ChooseMachine(Command):
    type: Literal["ChooseMachine"] = "ChooseMachine"
    simulation: UUID
    incident: IncidentId
    resources: Resources
    wanted: Identifier | None = None
    owner: str = ""
    """Who made the incident."""
    account: Word = ""
    """That it asks for itself."""


class LeaveMachine(Command):
    """A simulation has ended and no longer counts as load."""

    type: Literal["LeaveMachine"] = "LeaveMachine"
    simulation: UUID
    state: JobState


class SeeMachine(Command):
    """The Machine Interface's word on whether and how a machine answers."""

    type: Literal["SeeMachine"] = "SeeMachine"
    name: Identifier
    reachable: bool
    reason: Prose = ""
    load: LoadNews | None = None
    login_needed: bool = False
    """Whether it does not let us in, and nobody has said since that it may be tried again."""
    notice: Prose = ""
    """What somebody should do there before long; empty: nothing."""


class SeeCheckup(Command):
    """The Machine Interface's word on what a check found."""

    type: Literal["SeeCheckup"] = "SeeCheckup"
    name: Identifier
    checkup: Checkup


class SeeEstimate(Command):
    """The Machine Interface's word on when a job would start."""

    type: Literal["SeeEstimate"] = "SeeEstimate"
    name: Identifier
    estimate: StartEstimate


class SeeTrouble(Command):
    """The Machine Interface's word on what it cannot do there; empty: nothing any more."""

    type: Literal["SeeTrouble"] = "SeeTrouble"
    name: Identifier
    reason: Prose
    full: bool = False
    """Whether it is that there is no room for files of ours: nothing is submitted there."""


# Events.


class MachineAdded(Event):
    type: Literal["MachineAdded"] = "MachineAdded"
    settings: MachineSettings


class MachineChanged(Event):
    type: Literal["MachineChanged"] = "MachineChanged"
    settings: MachineSettings


class MachineRemoved(Event):
    type: Literal["MachineRemoved"] = "MachineRemoved"
    name: Identifier


class MachineEnabled(Event):
    type: Literal["MachineEnabled"] = "MachineEnabled"
    name: Identifier


class MachineDisabled(Event):
    type: Literal["MachineDisabled"] = "MachineDisabled"
    name: Identifier


class LoginAllowed(Event):
    type: Literal["LoginAllowed"] = "LoginAllowed"
    name: Identifier


class MachineSeen(Event):
    type: Literal["MachineSeen"] = "MachineSeen"
    name: Identifier
    reachable: bool
    reason: Prose = ""
    load: LoadNews | None = None
    login_needed: bool = False
    """Whether it does not let us in, and nobody has said since that it may be tried again."""
    notice: Prose = ""
    """What somebody should do there before long; empty: nothing."""


class MachineChecked(Event):
    """What a check found; what it learned counts until the machine's settings change."""

    type: Literal["MachineChecked"] = "MachineChecked"
    name: Identifier
    checkup: Checkup


class StartEstimated(Event):
    """When a job would start that somebody asked about; nothing is decided by it."""

    type: Literal["StartEstimated"] = "StartEstimated"
    name: Identifier
    estimate: StartEstimate


class TroubleSeen(Event):
    """What keeps work of ours on the machine from going on; empty: nothing any more."""

    type: Literal["TroubleSeen"] = "TroubleSeen"
    name: Identifier
    reason: Prose
    full: bool = False
    """Whether it is that there is no room for files of ours: nothing is submitted there."""


class MachineChosen(Event):
    type: Literal["MachineChosen"] = "MachineChosen"
    simulation: UUID
    incident: IncidentId
    name: Identifier
    explanation: Prose


class NoMachineFound(Event):
    """No machine will ever do."""

    type: Literal["NoMachineFound"] = "NoMachineFound"
    simulation: UUID
    incident: IncidentId
    reason: Prose


class ChoicePostponed(Event):
    """Machines would do, but none is enabled and reachable now."""

    type: Literal["ChoicePostponed"] = "ChoicePostponed"
    wanted: ChooseMachine
    reason: Prose


class MachineLeft(Event):
    type: Literal["MachineLeft"] = "MachineLeft"
    simulation: UUID
    name: Identifier | None
    """None if it still waited for a machine."""


MachineCommand = Annotated[
    AddMachine
    | ChangeMachine
    | RemoveMachine
    | EnableMachine
    | DisableMachine
    | AllowLogin
    | CheckMachine
    | EstimateStart
    | ChooseMachine
    | LeaveMachine
    | SeeMachine
    | SeeCheckup
    | SeeEstimate
    | SeeTrouble,
    Field(discriminator="type"),
]
MachineEvent = Annotated[
    MachineAdded
    | MachineChanged
    | MachineRemoved
    | MachineEnabled
    | MachineDisabled
    | LoginAllowed
    | MachineSeen
    | MachineChecked
    | StartEstimated
    | TroubleSeen
    | MachineChosen
    | NoMachineFound
    | ChoicePostponed
    | MachineLeft,
    Field(discriminator="type"),
]
