"""What is said about batch jobs by everyone who speaks of them: states, witnesses, requests.

A job's *token* is its name on the machine and the key of every look-up: a letter and 13 base32
characters (old PBS cuts names at 15, Grid Engine refuses a leading digit).
"""

import base64
import hashlib
from enum import StrEnum
from typing import Annotated, NewType
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from events.entry import AtMost
from events.prose import Prose
from events.values import Urgency
from events.words import MOST_WALLTIME, BatchName, Text, VariableName, Word

Token = NewType("Token", str)
JobId = NewType("JobId", str)


Part = str
"""What is told apart on a machine: a job by its token, instance n of an array by `<token>.<n>`."""

MOST_INSTANCES = 1000
"""Of an array: each has its own witnesses, and its own events."""

OURS = ".vestec"
"""The folder inside of each job's folder that is not the program's."""

OUTPUT = ("stdout", "stderr")
"""The files of its folder into which a job prints; with its number those of an instance."""


def relative_path(name: str) -> str:
    """`name` if it is a path that stays below the folder it is relative to, and out of ours."""
    parts = name.split("/")
    if not 1 <= len(name) <= 255 or not name.isprintable() or {"", ".", ".."} & {*parts}:
        raise ValueError("a file's name is 1 to 255 printable characters and stays in its folder")
    if parts[0] == OURS:
        raise ValueError(f"a file's name does not begin with {OURS}, which is not the program's")
    return name


RelativePath = Annotated[str, AfterValidator(relative_path)]
"""A file's name inside a job's folder; may have folders, never leaves it nor enters ours."""

Template = Annotated[str, AfterValidator(lambda name: name and relative_path(name))]
"""A directory below a machine's templates, of which a copy becomes a job's folder; empty: none."""


class JobState(StrEnum):
    """Where a job is in its life; `LOST` until a witness says more."""

    CREATED = "CREATED"
    PENDING = "PENDING"
    QUEUED = "QUEUED"
    HELD = "HELD"
    RUNNING = "RUNNING"
    ENDING = "ENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    LOST = "LOST"

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of the job (a late witness may still revive `LOST`)."""
        return self in ENDED

    @property
    def final(self) -> bool:
        """Whether it has ended and will not come back: what is lost may."""
        return self.ended and self is not JobState.LOST

    @property
    def waits(self) -> bool:
        """Whether it is to start and has not yet."""
        return self in (JobState.PENDING, JobState.QUEUED, JobState.HELD)

    @property
    def in_line(self) -> bool:
        """Whether it starts once its turn comes: it waits, and nobody holds it."""
        return self.waits and self is not JobState.HELD


ENDED = frozenset(
    {
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.TIMEOUT,
        JobState.CANCELLED,
        JobState.LOST,
    }
)


class Witness(StrEnum):
    """Who said so."""

    OURSELVES = "ourselves"
    QUEUE = "queue"
    ACCOUNTING = "accounting"
    STATUS_FILE = "status file"


class Waiting(StrEnum):
    """What kind of reason keeps a job from starting."""

    NORMAL = "normal"
    """Resources, priorities, other jobs: time will tell."""
    MAINTENANCE = "maintenance"
    NEEDS_A_HUMAN = "needs a human"
    """Somebody has to release or repair something."""
    IMPOSSIBLE = "impossible"
    """It asks for what there is not: it would wait for ever."""

    @property
    def passes(self) -> bool:
        """Whether a job that waits for it starts some day by itself."""
        return self is Waiting.NORMAL


class After(StrEnum):
    """What has to become of another job first."""

    STARTED = "started"
    """Or ended, also without having started: of what was cancelled nobody may know."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ENDED = "ended"


class Dependency(BaseModel):
    """Another job on the same machine, and what has to become of it before this one starts."""

    model_config = ConfigDict(frozen=True)

    token: Token
    on: After = After.SUCCEEDED
    instances: int = Field(default=1, gt=0)
    """How many the other one has."""
    end: JobState | None = None
    """How the other one has ended, if we know; None: it may not be over."""
    expected: bool = False
    """Whether the other one may yet be submitted: this one is not, before."""

    def why_never(self, end: JobState) -> str:
        """Why this one cannot start if the other has ended so; empty: it can."""
        completed = end is JobState.COMPLETED
        met = {After.SUCCEEDED: completed, After.FAILED: not completed}.get(self.on, True)
        return (
            "" if met else f"job {self.token} is {end}, and it was to start once that has {self.on}"
        )


class Mail(BaseModel):
    """Electronic mail by the batch system itself."""

    model_config = ConfigDict(frozen=True)

    to: Word = Field(min_length=1)
    begin: bool = False
    end: bool = True
    fail: bool = True


class JobOptions(BaseModel):
    """What may be told a batch system besides what a job needs; a dialect that cannot, refuses."""

    model_config = ConfigDict(frozen=True)

    queue: BatchName = ""
    """Or partition: the kind that a batch system has."""
    account: BatchName = ""
    """Who pays."""
    qos: BatchName = ""
    reservation: BatchName = ""
    after: tuple[Dependency, ...] = ()
    hold: bool = False
    """Submitted, and not started before somebody releases it."""
    mail: Mail | None = None
    native: tuple[Word, ...] = ()
    """Options in the batch system's own words, a line each; quoted as for a shell."""
    modules: tuple[Word, ...] = ()
    """Loaded before the program starts."""
    prologue: Text = Field(default="", max_length=4096)
    """Lines for `sh` before the program, in its folder."""
    launcher: Word = ""
    """What starts the program, such as `srun` or `mpirun -n 8`."""
    warning: Annotated[int, AtMost(MOST_WALLTIME)] = Field(default=0, ge=0)
    """Seconds before the end of its walltime at which the program gets TERM; 0: never."""


class JobRequest(BaseModel):
    """What is asked of a batch system, whatever its dialect."""

    model_config = ConfigDict(frozen=True)

    token: Token
    kind: str = Field(default="", max_length=255)
    """What it computes, in a word or two."""
    executable: Text = Field(min_length=1, max_length=4096)
    """A line for `/bin/sh`, run in the job's folder."""
    template: Template = ""
    """What its folder holds before its inputs."""
    walltime: int = Field(gt=0, le=MOST_WALLTIME)
    """Seconds of running time after which the job is ended."""
    instances: int = Field(default=1, gt=0, le=MOST_INSTANCES)
    """More than one: an array, whose every instance runs the executable with resources of its own
    and finds its number, from 0, in `VESTEC_INSTANCE`."""
    nodes: int = Field(default=1, gt=0)
    tasks: int = Field(default=1, gt=0)
    cpus_per_task: int = Field(default=1, gt=0)
    memory_mib: int | None = Field(default=None, gt=0)
    """Of each node."""
    gpus: int = Field(default=0, ge=0)
    """Of each node."""
    exclusive: bool = False
    """No other job on its nodes."""
    constraint: Word = ""
    """Properties that its nodes must have, in the batch system's words."""
    options: JobOptions = JobOptions()
    environment: dict[VariableName, Text] = {}
    urgency: Urgency = Urgency.ROUTINE
    """What the incident's presses for; the machine's policy says what that buys."""
    comment: str = Field(default="", max_length=255)
    """Shown by the batch system where it can; an exercise is carried here."""


class JobReport(BaseModel):
    """What one witness says of one job, of one instance of an array, or of all of an array."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    token: Token
    instance: int | None = Field(default=None, ge=0)
    """Which one of an array it is about; None: the whole job."""
    instances: dict[JobState, int] = {}
    """Of a whole array: how many are in which state."""
    state: JobState
    witness: Witness
    job_id: JobId | None = None
    attempt: int = 1
    """Counts requeues: exit 0 of an older attempt completes nothing."""
    exit_code: int | None = None
    host: str | None = None
    started: float | None = None
    """Seconds since the epoch, by the machine's clock."""
    ended: float | None = None
    copies: int = 0
    """Second copies of the job that exited before the user's program started."""
    reason: Prose = ""
    """Text for an operator: a scheduler's own word or the tail of stderr."""
    waiting: Waiting | None = None
    """Why it has not started, where the batch system tells."""
    expected: float | None = None
    """When the batch system expects to start it; seconds since the epoch."""
    unknown: str = ""
    """A batch system's word for a state that nobody knows: `state` is no news then."""

    @property
    def stuck(self) -> Waiting | None:
        """Why it will not start by itself."""
        return None if self.waiting is None or self.waiting.passes else self.waiting

    @property
    def part(self) -> Part:
        return part_of(self.token, self.instance)


def part_of(token: Token, instance: int | None) -> Part:
    """An instance of a job, or (None) all of it."""
    return token if instance is None else f"{token}.{instance}"


def parts_of(token: Token, instances: int) -> list[Part]:
    """What there is to be told apart of a job."""
    return [token] if instances == 1 else [part_of(token, n) for n in range(instances)]


def whose(part: Part) -> Token:
    """The job that it is a part of."""
    return Token(part.partition(".")[0])


def instance_of(part: Part) -> int | None:
    """Which instance it is; None: all of the job. Raises `ValueError` for what is no part."""
    _, dot, instance = part.partition(".")
    return int(instance) if dot else None


def in_part(name: str, part: Part) -> str:
    """What a file of that name in a job's folder is called that is its instance's own."""
    return name + part.removeprefix(whose(part))


def output_files(instances: int) -> set[str]:
    """The files of a job's folder into which what it prints goes."""
    return {in_part(name, part) for part in parts_of(Token("v"), instances) for name in OUTPUT}


def token_of(simulation: UUID) -> Token:
    """The token of a simulation's job: the same for ever, so that a second look finds it."""
    digest = hashlib.sha256(simulation.bytes).digest()
    return Token("v" + base64.b32encode(digest)[:13].decode().lower())
