"""Questions to the brokers: each to the one it concerns, and again until its deadline.

Not through aiokafka's consumer: it keeps one place in a partition where a process has many readers,
a seek waits for its last long poll to end, and what it cannot fetch it skips.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import structlog
from aiokafka import structs
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from bus.contract import LogError, LogUnavailable, UnknownTopic
from bus.kafka.address import Address
from bus.tasks import doubling

T = TypeVar("T")

TopicPartition: TypeAlias = tuple[str, int]
"""A topic and one of its partitions."""

FAILURES = (KafkaError, OSError, TimeoutError, KeyError, RuntimeError)
"""What aiokafka raises; a `KeyError` where two requests lose one connection at once, a
`RuntimeError` (uvloop's) where one writes to a connection that has just been lost."""

CLOSE_WITHIN = 1.0
BACKOFF = (0.02, 0.5)
GONE_AFTER = 3.0
"""Seconds for which brokers must say that they do not know a topic: one that starts, or has not
heard yet of what was made, may say so for a moment."""
_HARDLY_ASKED = 10.0
"""Seconds without a question, after which it is not known any more whether they always said so."""
_PASSING = frozenset({9, 74, 75, 76, 78, 89, 100, 103})
"""Refusals that mean "not now", which aiokafka does not know or takes for final: replicas and
leaders that are moving, offsets not known yet, throttling (KafkaProtocol, "Error Codes")."""

_log = structlog.get_logger()


def check(code: int) -> None:
    """Raise the error that a broker's answer carries, if any."""
    if code:
        error: KafkaError = for_code(code)()
        error.retriable = error.retriable or code in _PASSING
        raise error


def passing(error: BaseException) -> bool:
    """Whether the same may go well a moment later."""
    if isinstance(error, KafkaError):
        return bool(error.retriable)
    return not isinstance(error, ssl.SSLCertVerificationError)


_CLOSED = " (who closes a connection at once may want tls=on, a user or another certificate)"


class Client(AIOKafkaClient):  # type: ignore[misc]  # aiokafka has no types
    """Leaves no connection open that comes about while it is closed, or later."""

    _ended = False

    async def close(self) -> None:
        self._ended = True
        await super().close()

    async def _get_conn(self, node_id: Any, **options: Any) -> Any:
        connection = await super()._get_conn(node_id, **options)
        if not self._ended or connection is None:
            return connection
        await connection.close()
        return None


class Connections:
    """One client, replaced when it finds no broker any more; `deadline` is in seconds."""

    def __init__(self, address: Address, deadline: float) -> None:
        self._address, self._deadline = address, deadline
        self._client: AIOKafkaClient | None = None
        self._turn = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()
        self._closed = False
        self._problem = "no answer"
        self._missed: dict[str, tuple[float, float]] = {}
        """Topics that no broker knows: when one said so first, and last."""

    async def find_brokers(self) -> None:
        """Return when one answers."""
        await self.ask(MetadataRequest([]), bool)

    async def ask_leader(
        self, place: TopicPartition, request: Any, answer: Callable[[Any], T]
    ) -> T:
        """What `answer` makes of the response of the partition's leader.

        Raises `UnknownTopic` where the brokers have lost the topic.
        """

        def leader(client: AIOKafkaClient) -> int | None:
            found: int | None = client.cluster.leader_for_partition(structs.TopicPartition(*place))
            return found

        return await self._ask(leader, request, answer, place)

    async def ask(self, request: Any, answer: Callable[[Any], T], node: int | None = None) -> T:
        """The same of a certain broker, or of any."""
        return await self._ask(
            lambda client: client.get_random_node() if node is None else node, request, answer
        )

    async def client(self) -> AIOKafkaClient:
        """A client that has found its brokers and knows all topics.

        It must never look for one topic by its name: that would make one that is missing.
        """
        async with self._turn:
            if self._closed:
                raise LogError("the log was closed")
            if self._client is None:
                # Half the deadline, so that a dead connection is noticed in time for another try.
                client = Client(
                    **self._address.client, request_timeout_ms=round(self._deadline * 500)
                )
                try:
                    await reach(self._address, client.bootstrap)
                    await client.force_metadata_update()
                except BaseException:
                    self._end(client)
                    raise
                self._client = client
            return self._client

    async def refresh(self, client: AIOKafkaClient) -> bool:
        """Learn anew which topics, partitions and leaders there are.

        If no broker answers the client is of no use any more, and the answer is no. Of a client
        that another call has discarded meanwhile aiokafka would be silent for ever.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deadline):
                if await client.force_metadata_update():
                    return True
        self.discard(client)
        return False

    def discard(self, client: AIOKafkaClient) -> None:
        """Let the next call have a new one."""
        if self._client is client:
            self._client = None
            self._end(client)

    async def close(self) -> None:
        """End all connections, whatever they are doing."""
        self._closed = True
        if self._client is not None:
            self.discard(self._client)
        if self._endings:
            await asyncio.wait(self._endings)

    @asynccontextmanager
    async def deadline_of(self, what: str) -> AsyncIterator[None]:
        """Raise `LogUnavailable` if the block takes longer than a call may."""
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except TimeoutError:
            raise LogUnavailable(
                f"no {what} from Kafka within {self._deadline:g} s"
                f" (the last problem there: {self._problem})"
            ) from None

    async def _ask(
        self,
        choose: Callable[[AIOKafkaClient], int | None],
        request: Any,
        answer: Callable[[Any], T],
        place: TopicPartition | None = None,
    ) -> T:
        client: AIOKafkaClient | None = None
        answered = False
        pauses = doubling(*BACKOFF)
        try:
            async with self.deadline_of("answer"):
                while True:
                    try:
                        answered = False
                        client = await self.client()
                        node = choose(client)
                        if place is not None:
                            await self._look_for(place[0], client, known=node is not None)
                        if answered := node is None or node == -1:
                            raise LeaderNotAvailableError(place)
                        response = await client.send(node, request)
                        answered = True
                        return answer(response)
                    except FAILURES as error:
                        if not passing(error):
                            raise LogError(f"Kafka refused: {error}") from error
                        closed = client is None and "closed" in str(error)
                        self._problem = repr(error) + (_CLOSED if closed else "")
                    await asyncio.sleep(next(pauses))
                    if client is not None:
                        answered = False
                        answered = await self.refresh(client)
        except LogUnavailable:
            if client is not None and not answered:
                self.discard(client)
            raise

    async def _look_for(self, topic: str, client: AIOKafkaClient, known: bool) -> None:
        """Raise `UnknownTopic` once brokers have said for a while that they do not have it.

        By its name, for a topic that this user may not see is not among all of them either.
        """
        code = 0
        if not known:
            request = MetadataRequest([topic], allow_auto_topic_creation=False)
            response = await client.send(client.get_random_node(), request)
            code = response.topics[0][0]
        if code != UnknownTopicOrPartitionError.errno:
            self._missed.pop(topic, None)
            check(code)
            return
        now = asyncio.get_running_loop().time()
        first, last = self._missed.get(topic, (now, now))
        if now - last > _HARDLY_ASKED:
            first = now
        self._missed[topic] = first, now
        if now - first >= GONE_AFTER:
            raise UnknownTopic(
                f"the brokers do not have the topic {topic}: it was deleted, or they lost it"
                f" (UNKNOWN_TOPIC_OR_PARTITION for {now - first:.0f} s)"
            )

    def _end(self, client: AIOKafkaClient) -> None:
        ending = asyncio.create_task(end_client(client))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


async def end_client(client: AIOKafkaClient) -> None:
    """Close its connections; one that cannot flush is left to the system.

    In a task, because after it was cancelled aiokafka says of a connection for ever that closing it
    was. Twice, because its own task may take the first request to end for a timeout of its own.
    """
    for _ in range(2):
        closing = asyncio.create_task(client.close())
        try:
            await asyncio.wait([closing], timeout=CLOSE_WITHIN)
        finally:
            closing.cancel()
        if closing.done():
            return


async def reach(address: Address, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start something of aiokafka's; raises what was in the way, which aiokafka only logs.

    Cancelled in the middle it would leave a connection open, so it gets a moment to end.
    """
    starting = asyncio.create_task(start())
    try:
        await asyncio.shield(starting)
    except KafkaConnectionError:
        options = {**address.client, "request_timeout_ms": round(CLOSE_WITHIN * 1000)}
        host, port, _ = collect_hosts(options.pop("bootstrap_servers"))[0]
        connection = await create_conn(host, port, **options)
        await connection.close()
        raise
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=CLOSE_WITHIN)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise
