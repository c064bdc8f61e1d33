"""Where one feed's readings are taken.

A batch is: rules over its readings, findings delivered, refusals parked. Twice a second what the
rules remember is made durable, and after it up to where all was taken: a key's memory is written
that often, however often the key is heard.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import faust
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from faust.exceptions import FaustError
from faust.types import TP

from bus.contract import LogError
from events.sensors import Finding, ReadingId
from interfaces.sensors.delivery import Outlet, Refused
from interfaces.sensors.readings import Malformed, decode
from interfaces.sensors.recovery import MemoryTable
from interfaces.sensors.rules import KeyState, Source, silences, take
from interfaces.sensors.topics import memory_table

_WAITING = 4
"""Batches that have been fetched, so that the next one is there when one was taken."""
_FINDINGS = 1000
"""That are delivered before what led to them is saved: what a worker that dies leaves to be done
again by the next one is not much more."""
_KEYS = 1000
"""That are looked at between two batches of readings, when their time has come."""
_SAVE_EVERY = 0.5
"""Seconds between two times when memories are made durable, and silence is looked for."""
_UNANSWERED = 3
"""Requests: as long as they may take, memories are read without progress; then all begins anew."""

_RAW: dict[str, Any] = {"key_type": bytes, "value_type": bytes}
_UNREAD: dict[str, Any] = {**_RAW, "key_serializer": "raw", "value_serializer": "raw"}
"""We decode ourselves: what Faust cannot decode ends its stream, and nothing is said of it."""


@dataclass
class FeedCounts:
    """What this process did with the readings of one feed since it was started."""

    taken: int = 0
    """Readings that rules have seen."""
    parked: int = 0
    findings: int = 0
    arrivals: int = 0
    """What endpoints were sent: one for each finding and endpoint."""
    behind: int | None = None
    """Readings on our partitions that were not taken yet; None: unknown."""


class Desk:
    """Where one feed's readings are taken."""

    def __init__(
        self,
        app: faust.App,
        source: Source,
        partitions: int,
        outlet: Outlet,
        counts: FeedCounts,
        failed: asyncio.Future[None],
    ) -> None:
        self._app, self._source = app, source
        self._outlet, self.counts, self._failed = outlet, counts, failed
        name = memory_table(source.name)
        self._table = MemoryTable(app, source, name=name, partitions=partitions, **_RAW)
        app.tables.add(self._table)
        self._memories = self._table.memories
        self._busy = asyncio.Lock()
        topic = app.topic(source.topic, partitions=partitions, acks=False, **_UNREAD)
        topic.maxsize = _WAITING  # which Faust would not hand on
        app.agent(topic, name=f"vestec.sensors.{source.name}")(self._take_all)

    async def _take_all(self, stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            try:
                async with self._busy:
                    await self._take(message.generation_id, message.partition, message.value)
            except Exception as error:
                if not self._failed.done():
                    self._failed.set_exception(error)
                await asyncio.Event().wait()

    async def _take(
        self, generation: int | None, partition: int, records: Sequence[ConsumerRecord]
    ) -> None:
        if generation != self._table.generation:
            return
        taken, now = self._memories.taken(partition), self._now()
        states: dict[str, KeyState] = {}
        findings: list[Finding] = []
        refused: list[Refused] = []
        for record in records:
            if record.offset < taken:
                continue
            try:
                found = self._take_one(record, now, states)
            except Malformed as error:
                refused.append(self._refusal(record, str(error)))
            except Exception as error:
                # A defect of ours; but one reading's, and the others do not wait for its mending.
                refused.append(self._refusal(record, f"it cannot be worked on: {error!r}"))
            else:
                findings += found
                self.counts.taken += 1
            if len(findings) >= _FINDINGS:
                taken = record.offset + 1
                await self._conclude(generation, partition, states, findings, taken, refused)
                await self._save()
                if generation != self._table.generation:
                    return
                states, findings, refused = {}, [], []
        taken = records[-1].offset + 1
        await self._conclude(generation, partition, states, findings, taken, refused)

    def _refusal(self, record: ConsumerRecord, reason: str) -> Refused:
        topic, partition, offset = self._source.topic, record.partition, record.offset
        id = ReadingId(topic=topic, partition=partition, offset=offset)
        return Refused(self._source.name, id, record.value or b"", reason)

    def _take_one(
        self, record: ConsumerRecord, now: int, states: dict[str, KeyState]
    ) -> list[Finding]:
        reading = decode(
            self._source.feed,
            record.value,
            stamp=record.timestamp,
            now=now,
            partition=record.partition,
            offset=record.offset,
        )
        key = reading.key
        was = states.get(key) or self._memories.get(record.partition, key)
        states[key], found = take(self._source, was, reading)
        return found

    async def _conclude(
        self,
        generation: int | None,
        partition: int,
        states: dict[str, KeyState],
        findings: Sequence[Finding],
        taken: int,
        refused: Sequence[Refused] = (),
    ) -> None:
        rules = self._source.feed.rules
        if findings:
            names = [rules[found.rule].endpoint for found in findings]
            self.counts.arrivals += await self._outlet.deliver(findings, names)
            self.counts.findings += len(findings)
        if refused:
            await self._outlet.park(refused)
            self.counts.parked += len(refused)
        # What they were added to may have been forgotten since, if partitions were given out anew.
        if generation == self._table.generation:
            self._memories.keep(partition, states, taken)

    async def _save(self) -> None:
        """Make durable what is remembered, and after it up to where all was taken."""
        send = self._table.send_changelog
        for partition, records, mark in [*self._memories.unsaved()]:
            await asyncio.gather(*(send(partition, *record) for record in records.items()))
            await send(partition, *mark)

    @property
    def feed(self) -> str:
        """Its name."""
        return self._source.name

    @property
    def owned(self) -> set[TP]:
        """The feed's partitions that were given to this worker."""
        return {tp for tp in self._app.consumer.assignment() if tp.topic == self._source.topic}

    def behind(self) -> int | None:
        """Records on those that were not taken yet, as of the newest fetch; None: unknown yet.

        Nobody is asked: Faust would put the question behind fetches that wait for readings.
        """
        behind = 0
        with suppress(AssertionError, FaustError, KafkaError):  # it is taken away just now
            for tp in self.owned:
                end = self._app.consumer.highwater(tp)
                if end is None:
                    return None
                behind += max(0, end - self._memories.taken(tp.partition))
            return behind
        return None

    async def look_after(self) -> NoReturn:
        """Save what is remembered, and notice silence, until cancelled."""
        asked: dict[int, tuple[int, int]] = {}
        clock = asyncio.get_running_loop().time
        patience = _UNANSWERED * self._app.conf.broker_request_timeout
        read, since = self._table.read, clock()
        while True:
            await asyncio.sleep(_SAVE_EVERY)
            if self._table.generation is not None or self._table.read != read:
                read, since = self._table.read, clock()
            elif clock() - since > patience:
                raise LogError(f"nothing of {self._table.name} was read for {patience:g} s")
            async with self._busy:
                await self._save()
            if self._table.generation is not None:
                asked = await self._look_at_the_clock(asked)

    async def _look_at_the_clock(
        self, asked: Mapping[int, tuple[int, int]]
    ) -> dict[int, tuple[int, int]]:
        """Do what is due, as of a moment up to which all that was sent by then has been taken.

        So a worker that is behind does not take its own silence for the sensors'. `asked` is of
        each partition such a moment (ms) and where it ended then; what is left of it is returned.
        """
        now, owned, next = self._now(), self.owned, self._memories.next
        left = {tp.partition: asked[tp.partition] for tp in owned if tp.partition in asked}
        due = [tp for tp in owned if tp.partition not in left and next(tp.partition) <= now]
        if due:
            ends = await self._app.consumer.highwaters(*due)
            left |= {tp.partition: (now, end or 0) for tp, end in ends.items()}
        for partition, (moment, end) in [*left.items()]:
            if self._memories.taken(partition) >= end:
                del left[partition]
                await self._do_what_is_due(partition, moment)
        return left

    def _now(self) -> int:
        return round(self._outlet.now() * 1000)

    async def _do_what_is_due(self, partition: int, now: int) -> None:
        """For some keys at a time, so that readings are taken in between."""
        generation = self._table.generation
        while self._memories.next(partition) <= now:
            async with self._busy:
                if generation is None or generation != self._table.generation:
                    return
                await self._do_some(generation, partition, now)
            await asyncio.sleep(0)

    async def _do_some(self, generation: int, partition: int, now: int) -> None:
        taken = self._memories.taken(partition)
        states: dict[str, KeyState] = {}
        findings: list[Finding] = []
        over: list[str] = []
        for key, was in self._memories.due(partition, now, _KEYS).items():
            state, found = silences(self._source, key, partition, was, now)
            if found:
                states[key] = state
                findings += found
            else:
                over.append(key)
        if findings:
            await self._conclude(generation, partition, states, findings, 0)
        if findings or over:
            await self._save()
        # Readings are taken again from what was durably taken on: the key has none of them.
        forget = self._table.forget
        await asyncio.gather(*(forget(partition, key, taken) for key in over))
        if generation == self._table.generation:
            self._memories.forget(partition, over)
