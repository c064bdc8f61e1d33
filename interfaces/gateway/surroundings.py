"""What the composition root gives to the web edge."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork

from bus import HybridClock, Log
from managers.blobs import BlobStore
from projections import Pool, Reader

KNOWN_WITHIN = 1.5
"""Seconds in which the log and the database say what `/health` and `/metrics` ask them."""


class GatewaySettings(BaseModel):
    """How the web edge behaves; times are in seconds."""

    write_deadline: float = Field(default=10.0, gt=0)
    """After which a write is answered with "accepted, not known yet"."""
    body_deadline: float = Field(default=60.0, gt=0)
    """For the JSON of a request to be there whole (408)."""
    token_lifetime: float = Field(default=12 * 3600.0, gt=0)
    login_failures: int = Field(default=5, gt=0)
    """Of one name from one address within `login_window`, before more are refused."""
    login_window: float = Field(default=60.0, gt=0)
    proxies: tuple[IPvAnyNetwork, ...] = ()
    """Whose `X-Forwarded-For` is believed."""
    heartbeat: float = Field(default=15.0, gt=0)
    """Between two signs of life on a live stream."""
    stalled: float = Field(default=60.0, gt=0)
    """A client that takes nothing off a live stream for so long is dropped."""


class FeedHealth(BaseModel):
    """A sensor feed in this process; counted since it was started."""

    model_config = ConfigDict(from_attributes=True)

    taken: int
    """Readings that rules have seen."""
    parked: int
    """Records that were no readings."""
    findings: int
    arrivals: int
    """What endpoints were sent."""
    behind: int | None
    """Readings that were not taken yet; None: unknown."""


class Failing(BaseModel):
    """Something that is tried anew each time, and did not go well in between."""

    model_config = ConfigDict(from_attributes=True)

    reason: str
    """Of the newest time."""
    since: datetime
    """When it failed first."""
    times: int


class PartHealth(BaseModel):
    """A manager or runner in this process, as `/health` shows it."""

    owns: list[str] = []
    """What is worked on here: partitions; of an agent machines, of projections their names."""
    since: datetime | None = None
    """When the newest of them was ready; None: one is not yet, or there is none."""
    behind: int | None = None
    """Records that came for them and were not taken in yet, counted once for each that reads them;
    None: unknown, the log is away."""
    broken: dict[str, str] = {}
    """What of it makes no progress, and why."""
    failing: dict[str, Failing] = {}
    """What of it fails again and again, since when, and with what error now."""
    feeds: dict[str, FeedHealth] = {}
    """Of the sensors."""


@dataclass
class Writing:
    """Whether what is sent here can be kept, as far as the newest attempt knows."""

    hindered: str | None = None
    """Why not; None: it can."""


@dataclass(frozen=True)
class CommandsSpent:
    """What was run on a machine since the process began."""

    commands: Mapping[str, int]
    """How many, by what they were for."""
    waited: float
    """Seconds that they waited for the machine's budget, all together."""


async def _no_parts() -> Mapping[str, PartHealth]:
    return {}


@dataclass(frozen=True)
class WebEdge:
    """Ports and values that handlers use; `wall` gives seconds since the epoch."""

    log: Log
    clock: HybridClock
    wall: Callable[[], float]
    new_id: Callable[[], UUID]
    reader: Reader
    blobs: BlobStore
    token_key: bytes = field(repr=False)
    """Signs tokens (HS256): at least 32 random bytes, the same in every process."""
    settings: GatewaySettings = field(default_factory=GatewaySettings)
    parts: Callable[[], Awaitable[Mapping[str, PartHealth]]] = _no_parts
    shell_startup: Callable[[], Mapping[str, float]] = dict
    """Seconds that a shell took to start on each machine that this process works on."""
    commands_spent: Callable[[], Mapping[str, CommandsSpent]] = dict
    """Of the same machines."""
    writing: Writing = field(default_factory=Writing)
    logging_in: set[str] = field(default_factory=set)
    """Machines that somebody logs in to now."""

    @property
    def pool(self) -> Pool:
        return self.reader.pool


EDGE = web.AppKey("edge", WebEdge)


def edge_of(request: web.Request) -> WebEdge:
    """The surroundings of the application that serves a request."""
    return request.config_dict[EDGE]
