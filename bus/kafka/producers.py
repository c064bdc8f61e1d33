"""The producer that appends go through, until any doubt: then it is discarded for a new one.

It is idempotent, so that aiokafka's own retries over a lost connection or a moved leader neither
double nor reorder. But it never gives a batch up: what missed our deadline may land for as long as
the producer lives. So it is ended as soon as the appends of others that are under way have ended.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from bus.contract import Doubt, LogError, LogUnavailable, PartitionsChanged, Record
from bus.kafka.address import Address
from bus.kafka.batches import LARGEST_BATCH, pack
from bus.kafka.connections import (
    BACKOFF,
    CLOSE_WITHIN,
    FAILURES,
    TopicPartition,
    end_client,
    passing,
    reach,
)
from bus.tasks import doubling

_AT_ONCE = 16
"""Appends under way: all may go in one request, which brokers limit to 100 MiB."""
_LOOK_EVERY = 3
"""Deadlines between two looks at what topics there are."""
_RETRY_AFTER = 0.1
"""Seconds that aiokafka waits before it sends a batch again."""
_REFUSALS = (
    ClusterAuthorizationFailedError,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)


class Producers:
    """Appends, each within the `deadline` in seconds, and one at a time to a partition."""

    def __init__(self, address: Address, deadline: float) -> None:
        self._address, self._deadline = address, deadline
        self._current: _Producer | None = None
        self._starting = asyncio.Lock()
        self._turns: dict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ending: dict[_Producer, asyncio.Task[None]] = {}
        self._closed = False
        self._problem = "no answer"

    async def append(
        self, place: TopicPartition, partitions: int, records: Sequence[Record]
    ) -> int:
        """The offset of the first record; `partitions` is how many its topic should have.

        Raises `LogUnavailable` before the producer got the records, `Doubt` after.
        """
        producer: _Producer | None = None
        sent: float | None = None
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self._deadline), self._turns[place]:
                producer = await self._knowing(place[0], partitions)
                batch = pack(producer.kafka.create_batch(), records)
                async with producer.room:
                    sent = now()
                    return await producer.send(batch, place)
        except LogError:
            raise
        except BaseException as error:
            if producer is not None and sent is not None:
                self._discard(producer)
            if not isinstance(error, Exception):
                raise
            problem = f"{place[0]}/{place[1]}: {type(error).__name__}: {error}"
            if sent is None:
                raise LogUnavailable(
                    f"Kafka took no append within {self._deadline:g} s ({problem};"
                    f" the last problem there: {self._problem})"
                ) from error
            if isinstance(error, _REFUSALS) and now() < sent + _RETRY_AFTER:
                # Of a first attempt: behind a later one the first may yet have landed.
                raise LogError(f"Kafka refused an append: {problem}") from error
            raise Doubt(problem) from error

    async def close(self) -> None:
        """End all at once; appends under way end in `Doubt`."""
        self._closed = True
        producers = {self._current, *self._ending} - {None}
        for task in self._ending.values():
            task.cancel()
        await asyncio.gather(*(producer.end() for producer in producers if producer))

    async def _knowing(self, topic: str, partitions: int) -> "_Producer":
        """The producer, once it knows the topic: if it had to look by name it would make it."""
        pauses = doubling(*BACKOFF)
        while True:
            if (producer := await self._started()) is not None:
                known = await self._partitions(producer, topic)
                if known == partitions:
                    return producer
                if known is not None:
                    raise PartitionsChanged(
                        f"topic {topic} has {known} partitions by now, it had {partitions}"
                    )
            await asyncio.sleep(next(pauses))

    async def _started(self) -> "_Producer | None":
        async with self._starting:
            if self._closed:
                raise LogError("the log was closed")
            if self._current is None:
                producer = _Producer(self._address, self._deadline)
                try:
                    await producer.start()
                except BaseException as error:
                    self._discard(producer)
                    if not isinstance(error, FAILURES):
                        raise
                    if not passing(error):
                        raise LogError(f"Kafka refused: {error}") from error
                    self._problem = repr(error)
                else:
                    self._current = producer
            return self._current

    async def _partitions(self, producer: "_Producer", topic: str) -> int | None:
        """How many the topic has; None if it is not there, or no broker answers."""
        client = producer.kafka.client
        if (found := client.cluster.partitions_for_topic(topic)) is None:
            try:
                answered = await client.force_metadata_update()
            except BaseException:
                self._discard(producer)
                raise
            if not answered:
                self._discard(producer)
            found = client.cluster.partitions_for_topic(topic)
        return None if found is None else len(found)

    def _discard(self, producer: "_Producer") -> None:
        """Let the next append have a new one, and end this one behind those that use it."""
        if self._current is producer:
            self._current = None
        if producer not in self._ending and not self._closed:
            self._ending[producer] = asyncio.create_task(producer.drain(self._deadline))
            self._ending[producer].add_done_callback(lambda _: self._ending.pop(producer))


class _Producer:
    """One of aiokafka's, and the appends on their way through it."""

    def __init__(self, address: Address, deadline: float) -> None:
        self.room = asyncio.Semaphore(_AT_ONCE)
        self._address = address
        self._flights: set[asyncio.Future[Any]] = set()
        # Half the deadline, so that a dead connection is noticed in time for another try.
        self.kafka = AIOKafkaProducer(
            **address.client,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=LARGEST_BATCH,
            request_timeout_ms=round(deadline * 500),
            retry_backoff_ms=round(_RETRY_AFTER * 1000),
            # So that partitions which were added are noticed soon: by itself after five minutes.
            metadata_max_age_ms=round(_LOOK_EVERY * deadline * 1000),
        )
        self.kafka._message_accumulator._pending_batches = _OnTheirWay()

    async def start(self) -> None:
        await reach(self._address, self.kafka.start)
        await self.kafka.client.force_metadata_update()

    async def send(self, batch: Any, place: TopicPartition) -> int:
        """The offset at which the batch lies; raises whatever aiokafka does."""
        topic, partition = place
        flight = await self.kafka.send_batch(batch, topic, partition=partition)
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)
        offset: int = (await flight).offset
        if offset < 0:
            raise Doubt("it lies there already, but nobody knows where")
        return offset

    async def drain(self, within: float) -> None:
        """Let appends under way finish, but no longer than they may take; then end."""
        if self._flights:
            await asyncio.wait(self._flights, timeout=within)
        await self.end()

    async def end(self) -> None:
        """Stop sending at once, and fail what is under way.

        Not with `stop()`, which waits for all batches, and so for ever without brokers. The sender
        must be gone before its connections, or it would open new ones.
        """
        sender = self.kafka._sender.sender_task
        if sender is not None:
            sender.cancel()
        await end_client(self.kafka.client)
        if sender is not None:
            await asyncio.wait([sender], timeout=CLOSE_WITHIN)
            sender.cancel()
            await asyncio.wait([sender], timeout=CLOSE_WITHIN)
        batches = self.kafka._message_accumulator
        left = [*chain(*batches._batches.values(), batches._pending_batches)]
        batches.fail_all(ProducerClosed())
        for batch in left:  # who waited for it may have given it up: then nobody else would hear
            batch.future.exception()
            batch._drain_waiter.exception()
        self.kafka._closed = True


class _OnTheirWay(set[Any]):
    """Batches that aiokafka has sent; it takes one out twice that fails while it is sent again."""

    def remove(self, batch: Any) -> None:
        self.discard(batch)
