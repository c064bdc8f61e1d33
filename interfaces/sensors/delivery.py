"""Findings to the endpoints they are for, and refused readings to where operators find them.

Both go on until they are durable: the readings behind them are acknowledged only then, and what a
worker did not acknowledge is done again by the next one, under the same ids.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import structlog

from bus import Doubt, HybridClock, Log, Record
from bus.contract import LogUnavailable, portions
from bus.tasks import doubling
from events.endpoints import Place, ReceivePush
from events.incidents import Arrival
from events.sensors import Finding, ReadingId
from events.values import Context, IncidentId
from interfaces.issuing import Write, issue
from interfaces.sensors.feeds import PARKED, PREFIX
from managers.blobs import BlobStore, BlobStoreUnavailable, keep_content
from managers.runtime import Failures
from projections import Pool
from projections.database import UNAVAILABLE
from projections.endpoints import PROJECTION, Endpoint, pushed_endpoints
from projections.freshness import Behind, RecentEnds, look_beyond

ACTOR = "sensors"
PARKED_TOPIC = PREFIX + PARKED

T = TypeVar("T")

_AWAY = (Doubt, LogUnavailable, BlobStoreUnavailable, Behind, TimeoutError, *UNAVAILABLE)
_TRY_AGAIN = (0.2, 5.0)
"""Seconds: at first, and at most."""
_KEPT_BYTES = 100_000
"""Of a refused reading; all of it lies where its id says."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is no reading, and why."""

    feed: str
    id: ReadingId
    value: bytes
    reason: str


class Outlet(Protocol):
    """The ways out of the feeds, and what time it is there."""

    waits: Failures[str]
    """`delivery`, while findings or refused readings wait: why, and since when."""

    async def deliver(self, findings: Sequence[Finding], names: Sequence[str]) -> int:
        """Push each finding, in order, to the open endpoints of the name beside it.

        How many arrivals that makes.
        """

    async def park(self, refused: Sequence[Refused]) -> None:
        """Keep records that are no readings, each with its reason."""

    def now(self) -> float:
        """Seconds since 1970."""


@dataclass
class Delivery:
    """The outlet of a system; `wall` gives seconds since 1970."""

    log: Log
    clock: HybridClock
    wall: Callable[[], float]
    pool: Pool
    blobs: BlobStore
    waits: Failures[str] = field(default_factory=Failures)

    def __post_init__(self) -> None:
        self._ends = RecentEnds(self.log, PROJECTION)

    def now(self) -> float:
        return self.wall()

    async def deliver(self, findings: Sequence[Finding], names: Sequence[str]) -> int:
        feed, arrivals = findings[0].feed, 0
        opened = await self._lasting(feed, partial(self._opened, set(names)))
        for finding, name in zip(findings, names, strict=True):
            for endpoint in opened.get(name, ()):
                await self._lasting(feed, partial(self._push, finding, endpoint))
                arrivals += 1
        return arrivals

    async def park(self, refused: Sequence[Refused]) -> None:
        first = refused[0]
        _log.warning("readings parked", feed=first.feed, count=len(refused), reason=first.reason)
        for portion in portions([_parked(one) for one in refused]):
            append = partial(self.log.append, PARKED_TOPIC, 0, portion)
            await self._lasting(first.feed, append)

    async def _opened(self, names: set[str]) -> dict[str, list[Endpoint]]:
        """The open endpoints of these names, all that the log had a moment ago."""
        look = partial(pushed_endpoints, names=sorted(names))
        ends = await self._ends.known()
        found = await look_beyond(ends, self.pool, PROJECTION, look)
        opened: dict[str, list[Endpoint]] = {}
        for endpoint in found:
            opened.setdefault(endpoint.name, []).append(endpoint)
        return opened

    async def _push(self, finding: Finding, endpoint: Endpoint) -> None:
        arrival = Arrival(
            id=finding.id,
            endpoint=endpoint.name,
            received=self.wall(),
            content=await keep_content(self.blobs, _bytes_of(finding), "application/json"),
            source=f"sensor feed {finding.feed}",
        )
        place = Place(series=finding.series, number=finding.number)
        pushed = ReceivePush(arrival=arrival, place=place)
        write = Write(finding.id, Context.ENDPOINTS, IncidentId(endpoint.incident), pushed)
        await issue(self.log, self.clock, write, ACTOR)

    async def _lasting(self, feed: str, act: Callable[[], Awaitable[T]]) -> T:
        """What comes of an act that may be done twice, however long what it needs is away."""
        what = f"delivery of {feed}"
        pauses = doubling(*_TRY_AGAIN)
        try:
            while True:
                try:
                    return await act()
                except _AWAY as error:
                    reason = str(error) or repr(error)
                    _log.warning("sensor feeds wait", reason=reason)
                    self.waits.add(what, reason, self.wall())
                await asyncio.sleep(next(pauses))
        finally:
            self.waits.forget(what)


async def _bytes_of(finding: Finding) -> AsyncIterator[bytes]:
    yield finding.model_dump_json().encode()


def _parked(refused: Refused) -> Record:
    id = refused.id
    headers = {
        "reason": refused.reason,
        "topic": id.topic,
        "partition": str(id.partition),
        "offset": str(id.offset),
    }
    return Record(refused.feed, refused.value[:_KEPT_BYTES], headers)
