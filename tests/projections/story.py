"""Logs written by hand: commits as managers would append them."""

import random
from dataclasses import dataclass, field
from uuid import UUID

from bus import HybridClock, Log, MemoryLog, Position, Record, Writer, partition_of
from bus.epochs import EPOCH, SEQUENCE
from events.envelope import Commit, Cursor, Rejection, encode, events_topic
from events.values import Context, Event, IncidentId

START = 1_700_000_000.0
"""The moment at which stories begin, in seconds since the epoch."""


@dataclass
class Place:
    """Where a commit lies."""

    context: Context
    partition: int
    offset: int
    id: UUID


@dataclass
class Story:
    """Appends commits; every one is a second after the one before it."""

    partitions: int = 2
    log: Log = field(default_factory=MemoryLog)
    now: float = START
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    writers: dict[tuple[Context, int], Writer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = HybridClock(lambda: self.now)

    async def begin(self) -> "Story":
        for context in Context:
            await self.log.declare(events_topic(context), self.partitions)
            await self.log.declare(f"vestec.{context}.commands", self.partitions)
        return self

    def id(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)

    async def commit(
        self,
        context: Context,
        key: str,
        *events: Event,
        id: UUID | None = None,
        actor: str = "somebody",
        cause: str = "test",
        command: int | None = None,
        refused: str | None = None,
        incident: str | None = None,
        what: str = "Test",
    ) -> Place:
        """Append a commit; `command` is its place in the commands topic, if it has one.

        `incident` is the one that it belongs to where that is not its key.
        """
        partition = partition_of(key, self.partitions)
        told = (context, key, events, id or self.id(), actor, cause, command, refused, incident)
        record = self.record(*told, what)
        writer = self.writers.get((context, partition)) or await self.take_over(context, partition)
        position = await writer.append([record])
        return Place(
            context, partition, position.offset - 1, Commit.model_validate_json(record.value).id
        )

    def record(
        self, context: Context, key: str, events: tuple[Event, ...], id: UUID, actor: str,
        cause: str = "test", command: int | None = None, refused: str | None = None,
        incident: str | None = None, what: str = "Test",
    ) -> Record:  # fmt: skip
        belongs = key if context.keyed_by_incident else incident
        self.now += 1
        return encode(
            Commit(
                id=id,
                time=self.clock.now(),
                key=key,
                incident=belongs and IncidentId(belongs),
                cause=cause,
                correlation=id,
                actor=actor,
                cursor=None if command is None else Cursor(source="commands", offset=command + 1),
                events=events,
                rejection=refused and Rejection(command=what, reason=refused),
            )
        )

    async def take_over(self, context: Context, partition: int) -> Writer:
        topic, nonce = events_topic(context), f"{self.chance.getrandbits(64):016x}"
        writer = await Writer.take_over(self.log, topic, partition, nonce)
        self.writers[context, partition] = writer
        return writer

    async def ghost(self, context: Context, key: str, *events: Event) -> None:
        """A commit that does not count: its writer was deposed before it landed."""
        partition = partition_of(key, self.partitions)
        before = self.writers.get((context, partition)) or await self.take_over(context, partition)
        stale: Position = before.position
        await self.take_over(context, partition)
        record = self.record(context, key, events, self.id(), "ghost")
        headers = {EPOCH: str(stale.epoch), SEQUENCE: str(stale.sequence)}
        topic = events_topic(context)
        await self.log.append(topic, partition, [Record(record.key, record.value, headers)])
        await self.take_over(context, partition)
