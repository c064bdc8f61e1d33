"""What Faust remembers, and where it goes on, when partitions are given to a worker.

Faust's own word for that, the offsets that it commits, passes readings over. It empties its queues
after it has sought its place, so that the first readings behind that may be lost; and it commits
what was acknowledged although exactly one before it was not, or many before the first commit. So
nothing is committed, and nothing fetched until the queues are empty. The changelog says both what
is remembered of a partition's keys and up to where all was taken: there readings begin anew.
"""

from collections.abc import Awaitable, Mapping
from functools import cached_property
from typing import Any

import faust
import structlog
from faust.transport.drivers import aiokafka
from faust.types import TP

from bus.contract import LogError
from interfaces.sensors import consumer
from interfaces.sensors.memories import NOTHING, Memories, name_of, offset_of
from interfaces.sensors.rules import Source

_BELOW = "below"

_log = structlog.get_logger()


class MadeAnew(LogError):
    """A feed's topic is not the one that readings were taken of before."""

    def __init__(self, said: str, feed: str) -> None:
        super().__init__(said)
        self.feed = feed


class MemoryTable(faust.Table[bytes, bytes]):
    """What is remembered of the keys of one topic.

    Of two records of a name the one that goes farther is true, whichever was written last: a
    worker that was stopped and wakes up writes once more what it had in hand. That of a key which
    was forgotten has no value, so that Kafka drops it in time; its header says below which offset.
    """

    def __init__(self, app: faust.App, source: Source, **how: Any) -> None:
        super().__init__(app, **how)
        self.source = source
        self.generation: int | None = None
        """Of the group, in which all of it was read; None: it is being read. Readings that were
        fetched in another one are fetched once more."""
        self._next: int | None = None
        self.read = 0
        """Records of the changelog, so far."""

    @cached_property
    def memories(self) -> Memories:
        """Its records, as rules see them."""
        return Memories(self.source.feed, self.data)

    def apply_changelog_batch(self, batch: Any) -> None:
        """Records that were read from the changelog."""
        self.read += len(batch)
        # Not by Faust's own way, which keeps for ever the names of what was forgotten.
        known = self.data
        for event in batch:
            far = offset_of(known.get(event.key, NOTHING))
            if event.value is None:
                below = dict(event.message.headers or ()).get(_BELOW, NOTHING)
                if offset_of(below) > far:
                    known[event.key] = below
            elif offset_of(event.value) >= far:
                known[event.key] = event.value

    def forget(self, partition: int, key: str, below: int) -> Awaitable[Any]:
        """Write that what was heard of a key below an offset is forgotten.

        All below it was taken, durably. So another record of the key is true if it goes as far, and
        else was in the hands of a worker that was stopped. Kafka drops such a record after a day or
        so; an old state that is written even later tells nothing new, and is forgotten once more.
        """
        return self.changelog_topic.send_soon(
            key=name_of(partition, key),
            value=None,
            partition=partition,
            headers={_BELOW: b"%d" % below},
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            eager_partitioning=True,
        )

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Partitions are given out anew; their records are read next."""
        self.generation, self._next = None, generation_id
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """All was read of the partitions that this worker has now; next, readings are sought."""
        try:
            self._require_all(active_tps)
        except Exception as error:
            # Faust would only drop it; so its application ends, and the next one reads again.
            await self.app.crash(error)
            raise
        self.memories.settle({tp.partition for tp in active_tps})
        await super().on_recovery_completed(active_tps, standby_tps)
        self.generation = self._next

    def _require_all(self, changelogs: set[TP]) -> None:
        """Raises `LogError` if something was not read: Faust goes on where it has no answer.

        Up to where it ended when the reading began: what the worker before saves in the meantime
        is found once more, as when it dies before it saves.
        """
        tables: Any = self.app.tables
        read, newest = tables.recovery.active_offsets, tables.recovery.active_highwaters
        for tp in changelogs:
            known = -1 if read.get(tp) is None else read[tp]
            if newest.get(tp) is None or known < newest[tp]:
                raise LogError(f"{tp.topic}/{tp.partition} was not read up to its end")


class Consumer(consumer.Consumer):
    """Takes readings from where what is remembered ends."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Where that is. Raises `LogError` where there is no such place."""
        # Until Faust resumes it, which it does right after it has emptied its queues.
        self.stop_flow()
        assigned = self.assignment()
        tables = [table for table in self.app.tables.values() if isinstance(table, MemoryTable)]
        memories = {
            tp: table.memories
            for table in tables
            for tp in assigned
            if tp.topic == table.source.topic
        }
        for tp, end in (await self.highwaters(*memories)).items():
            if (taken := memories[tp].taken(tp.partition)) > (end or 0):
                raise MadeAnew(
                    f"{tp.topic}/{tp.partition} ends at {end or 0}, and {taken} of it were"
                    " taken: it was made anew. Delete the changelog of its feed to begin anew, too",
                    next(table.source.name for table in tables if table.memories is memories[tp]),
                )
        for tp, begin in (await self.earliest_offsets(*memories)).items():
            if (taken := memories[tp].taken(tp.partition)) < begin:
                # Nobody can take them any more; what waits until they were would wait for ever.
                lost = f"{tp.topic}/{tp.partition}: {taken} to {begin - 1}"
                _log.warning("readings were removed before they were taken", readings=lost)
                memories[tp].keep(tp.partition, {}, begin)
        places = {tp: one.taken(tp.partition) for tp, one in memories.items()}
        await self.seek_wait(places)
        return places


class Transport(aiokafka.Transport):
    """Kafka with such a consumer."""

    Consumer = Consumer
