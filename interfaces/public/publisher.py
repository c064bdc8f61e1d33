"""Publishes one partition of the public stream: the same partition of each source, by one writer.

What is appended to the public topic is noted in `progress` after it. Whoever takes over reads,
behind what was noted, which events are there already, and leaves these out. So an event comes once,
unless the append of a publisher that was deposed lands, or that process wakes up, after somebody
else took over: it then comes a second time, with the same id. Nothing is left out: what was noted
lies in the topic, and each append holds all that comes behind that, in order.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import structlog

from bus import Log, LogReplaced, Record, Stored, Writer, verify
from bus.contract import portions
from events.envelope import EventOffset, Recorded, events_topic
from events.incidents import IncidentCreated
from events.values import Context
from interfaces.public import progress
from interfaces.public.cloud_events import TOGETHER, TOPIC, place_in, record_of
from interfaces.public.order import Next, Order
from interfaces.public.progress import Progress
from interfaces.public.telling import CONTEXTS, told
from managers.runtime import Ends, PartitionBroken, Share, Surroundings, crash_point
from managers.runtime.sources import SKIPPED, source_name

_PACE = 0.02
"""Seconds between two appends: at once when idle, few and large when busy."""
_READ = 500
_REIGN = 10_000
"""Notes of how far it came, before the publisher takes over from itself so that they can go."""

_log = structlog.get_logger()


def public_stream(around: Surroundings, source: str) -> Share["Publisher"]:
    """A share of the public stream; its events come from `source`, a URI reference."""
    return Share(
        around,
        group="vestec.publisher",
        topic=progress.TOPIC,
        name="public stream",
        owner=lambda partition: Publisher(partition, around, source),
    )


async def declare_progress(log: Log) -> int:
    """Make or check the topic of how far it is; how many partitions that, and the stream, have."""
    partitions = await log.partitions(events_topic(CONTEXTS[0]))
    await log.declare(progress.TOPIC, partitions)
    return partitions


@dataclass
class _Reign:
    """What a publisher holds from one takeover to the next."""

    writer: Writer
    order: Order
    there: dict[Context, EventOffset]
    """The newest event of each source that lay in the public topic already."""
    exercises: set[str]
    end: int
    """Of the public topic, below which all of `order` is known to lie."""
    noted: int = 0
    """Notes of how far it came."""
    unnoted: int = 0
    """Records that were passed since."""

    def published(self, end: int) -> None:
        """The topic reaches to `end`. What lay there already has to be found again until passed."""
        passed = self.order.positions
        if all(passed[context].offset > offset for context, (offset, _) in self.there.items()):
            self.end = end


class Publisher:
    """The writer of one partition of the public stream, until doubt."""

    def __init__(self, partition: int, around: Surroundings, source: str) -> None:
        self._partition, self._around, self._source = partition, around, source
        self._log = around.log
        self._order: Order | None = None
        self.since: float | None = None

    async def run(self) -> NoReturn:
        """Publish until doubt, which is raised as whatever caused it."""
        while True:
            reign = await self._take_over()
            self._order, self.since = reign.order, self._around.wall()
            while reign.noted < _REIGN:
                await self._read(reign.order)
                await self._publish(reign)
                await asyncio.sleep(_PACE)

    async def behind(self, ends: Ends) -> int:
        """How many records of the sources were not passed; raises `LogError`."""
        if self._order is None:
            return 0
        positions = self._order.positions.items()
        return sum(
            await asyncio.gather(
                *(ends.behind(events_topic(c), self._partition, p.offset) for c, p in positions)
            )
        )

    async def _take_over(self) -> _Reign:
        nonce = f"{self._around.chance.getrandbits(64):016x}"
        writer = await Writer.take_over(self._log, progress.TOPIC, self._partition, nonce)
        epoch = writer.position.epoch
        known = await progress.restore(self._log, self._partition, epoch)
        for context, position in known.positions.items():
            await verify(self._log, events_topic(context), self._partition, position)
        _, end = await self._log.bounds(TOPIC, self._partition)
        if known.end > end:
            raise LogReplaced(
                f"{TOPIC}/{self._partition} ends at {end}, but {known.end} records of it were"
                f" published before: delete {progress.TOPIC} as well, and all begins anew"
            )
        there = await self._published_behind(known.end)
        await writer.append([*known.records(sorted(known.exercises))])
        await self._log.trim(progress.TOPIC, self._partition, epoch)
        _log.info("public stream taken over", partition=self._partition, end=known.end)
        order = Order(self._partition, known.positions)
        return _Reign(writer, order, there, {*known.exercises}, known.end)

    async def _published_behind(self, offset: int) -> dict[Context, EventOffset]:
        """The newest event of each source that lies there."""
        sources = {source_name(context, self._partition): context for context in CONTEXTS}
        there: dict[Context, EventOffset] = {}
        while found := await self._log.read(TOPIC, self._partition, offset, _READ):
            offset = found[-1].offset + 1
            for stored in found:
                source, place = place_in(stored.record, self._source) or ("", _NOWHERE)
                if (context := sources.get(source)) is not None:
                    there[context] = max(place, there.get(context, _NOWHERE))
        return there

    async def _read(self, order: Order) -> None:
        """More of the sources of which nothing waits; where there is none, wait for it."""
        while True:
            wanted = order.wanted
            found = await asyncio.gather(*(self._records(*source) for source in wanted.items()))
            with _this_code_fits():
                for context, records in zip(wanted, found, strict=True):
                    order.add(context, records)
            if any(found) or len(wanted) < len(CONTEXTS):
                return
            await self._wait(wanted)

    async def _records(self, context: Context, offset: int) -> Sequence[Stored]:
        return await self._log.read(events_topic(context), self._partition, offset, _READ)

    async def _wait(self, wanted: Mapping[Context, int]) -> None:
        waits = [
            asyncio.ensure_future(self._log.wait(events_topic(context), self._partition, offset))
            for context, offset in wanted.items()
        ]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in waits:
                one.cancel()

    async def _publish(self, reign: _Reign) -> None:
        taken = reign.order.take(_READ)
        with _this_code_fits():
            records, exercises = self._told(reign, taken)
        for portion in portions(records, TOGETHER) if records else ():
            crash_point("before publication")
            offset = await self._log.append(TOPIC, self._partition, portion)
            reign.published(offset + len(portion))
            crash_point("after publication")
        reign.unnoted += len(taken)
        if records or exercises or reign.unnoted >= SKIPPED:
            now = Progress(dict(reign.order.positions), reign.end)
            await reign.writer.append([*now.records(exercises)])
            reign.noted, reign.unnoted = reign.noted + 1, 0

    def _told(
        self, reign: _Reign, taken: Sequence[tuple[Context, Next]]
    ) -> tuple[list[Record], list[str]]:
        """What to publish of these, and the exercises that begin with them."""
        records: list[Record] = []
        exercises: list[str] = []
        for context, following in taken:
            for it in _recorded(context, self._partition, following):
                incident = it.commit.key
                if isinstance(it.event, IncidentCreated) and it.event.exercise:
                    reign.exercises.add(incident)
                    exercises.append(incident)
                if (it.offset, it.index) <= reign.there.get(context, _NOWHERE):
                    continue
                if (event := told(it)) is not None:
                    drill = incident in reign.exercises
                    records.append(record_of(it, event, self._source, drill))
        return records, exercises


_NOWHERE = (-1, -1)


@contextmanager
def _this_code_fits() -> Iterator[None]:
    """What cannot be read or told would not be at another takeover either: nothing goes on here."""
    try:
        yield
    except Exception as error:
        raise PartitionBroken(
            f"the public stream cannot go on: {type(error).__name__}: {error}"
        ) from error


def _recorded(context: Context, partition: int, following: Next) -> Iterator[Recorded]:
    """The events of a record that counts."""
    if (commit := following.commit) is not None:
        place = (context, partition, following.stored.offset)
        for index, event in enumerate(commit.events):
            yield Recorded(*place, index, following.position.epoch, commit, event)
