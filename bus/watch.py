"""Notices under a running system that its log is another one by now, or has lost a part.

Engines say what is there now. A topic that was made anew, a broker that came back without its tail
and records that somebody deleted look to a reader as if nothing came any more. So what this process
knows of a partition is looked for every few seconds, once for all its readers.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from bus.contract import Log, Membership, Record, Stored, UnknownTopic
from bus.epochs import LogReplaced
from bus.tasks import end

TopicPartition = tuple[str, int]
"""A topic and one of its partitions."""

_log = structlog.get_logger()

LOOK_EVERY = 5.0
"""Seconds between two looks at a partition."""
CONFIRM_AFTER = 1.0
"""Seconds after which it is looked again before anything is said: a leader may be new."""


@dataclass
class _Known:
    """What lay in a partition, and must lie there yet."""

    end: int = 0
    """So many records were read or written here, or before by whoever waits at their end."""
    newest: Stored | None = None
    anchor: Stored | None = None
    """What was the newest a look ago: should all be another one and be read on, this is missed."""
    lost: str | None = None
    """Why nothing is read or written here any more."""
    waiting: set[asyncio.Timeout] = field(default_factory=set)

    def saw(self, offset: int, record: Record) -> None:
        if offset >= self.end:
            self.end, self.newest = offset + 1, Stored(offset, record)

    def refuse(self) -> None:
        if self.lost is not None:
            raise LogReplaced(self.lost)

    @asynccontextmanager
    async def unless_lost(self) -> AsyncIterator[None]:
        """Whoever waits within the context is woken when it is."""
        self.refuse()
        try:
            async with asyncio.timeout(None) as waiting:
                self.waiting.add(waiting)
                try:
                    yield
                finally:
                    self.waiting.discard(waiting)
        except TimeoutError:
            self.refuse()
            raise

    def lose(self, reason: str) -> None:
        _log.critical("the log is not what it was", reason=reason)
        self.lost = reason
        for waiting in self.waiting:
            waiting.reschedule(asyncio.get_running_loop().time())


class WatchedLog(Log):
    """An engine whose partitions raise `LogReplaced` once they are not what they were.

    So do `read`, `wait` and `append`, from two looks afterwards at the latest until the process
    ends: what it made of the lost records is in its memory yet. Whoever waits at an offset must
    have read up to it.
    """

    def __init__(
        self, engine: Log, whole: Callable[[str], bool], look_every: float = LOOK_EVERY
    ) -> None:
        """`whole` says of which topics nothing is ever trimmed."""
        self._engine, self._whole, self._look_every = engine, whole, look_every
        self._known: dict[TopicPartition, _Known] = defaultdict(_Known)
        self._watching = asyncio.create_task(self._watch())

    async def declare(self, topic: str, partitions: int) -> None:
        await self._engine.declare(topic, partitions)

    async def partitions(self, topic: str) -> int:
        return await self._engine.partitions(topic)

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        known = self._known[topic, partition]
        known.refuse()
        before = known.end
        offset = await self._engine.append(topic, partition, records)
        if records and offset < before:
            known.lose(_shorter(topic, partition, offset, before))
        elif records:
            known.saw(offset + len(records) - 1, records[-1])
        return offset

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000
    ) -> Sequence[Stored]:
        known = self._known[topic, partition]
        known.refuse()
        found = await self._engine.read(topic, partition, offset, limit)
        if found:
            if found[0].offset > offset and self._whole(topic):
                known.lose(_without_beginning(topic, partition, found[0].offset))
                known.refuse()
            known.saw(found[-1].offset, found[-1].record)
        return found

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        known = self._known[topic, partition]
        known.end = max(known.end, offset)
        async with known.unless_lost():
            await self._engine.wait(topic, partition, offset)

    async def stands(self, topic: str, partition: int) -> NoReturn:
        async with self._known[topic, partition].unless_lost():
            await self._engine.stands(topic, partition)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await self._engine.bounds(topic, partition)

    async def trim(self, topic: str, partition: int, below: int) -> None:
        await self._engine.trim(topic, partition, below)

    def membership(self, group: str, topic: str) -> AbstractAsyncContextManager[Membership]:
        return self._engine.membership(group, topic)

    async def close(self) -> None:
        await end(self._watching)
        await self._engine.close()

    async def _watch(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._look_every)
            if suspects := await self._lost_among(self._known):
                await asyncio.sleep(CONFIRM_AFTER)
                for place, reason in (await self._lost_among(suspects)).items():
                    self._known[place].lose(reason)

    async def _lost_among(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, str]:
        """All are asked at once: where one is not what it was, the others hardly are."""
        asked = [place for place in places if self._known[place].lost is None]
        found = await asyncio.gather(*map(self._what_is_lost, asked), return_exceptions=True)
        # An error says nothing: the next look may tell.
        return {
            place: lost for place, lost in zip(asked, found, strict=True) if isinstance(lost, str)
        }

    async def _what_is_lost(self, place: TopicPartition) -> str | None:
        """In a sentence; None: all that was known before this call is there."""
        known = self._known[place]
        end, newest, anchor = known.end, known.newest, known.anchor
        try:
            first, there = await self._engine.bounds(*place)
        except UnknownTopic as error:
            return str(error)
        if there < end:
            return _shorter(*place, there, end)
        if not self._whole(place[0]):
            return None
        if first > 0:
            return _without_beginning(*place, first)
        if anchor and [anchor] != [*await self._engine.read(*place, anchor.offset, 1)]:
            return (
                f"{place[0]}/{place[1]} holds another record at {anchor.offset} than before:"
                " the log was replaced"
            )
        known.anchor = newest
        return None


def _shorter(topic: str, partition: int, there: int, before: int) -> str:
    return (
        f"{topic}/{partition} ends at {there}, but {before} records of it were read before: the log"
        " lost its tail or was restored from an older backup"
    )


def _without_beginning(topic: str, partition: int, first: int) -> str:
    return f"{topic}/{partition} begins at {first}, where all of it is kept: the log lost the rest"
