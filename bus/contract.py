"""What every engine of the log promises, in words and types.

- `append` is durable when it returns (fsync, or `acks=all`), and whole: all records or none,
  at consecutive offsets. When it raises `Doubt`, nobody knows: the records may be there, may come
  later, may never come. When it raises another `LogError`, nothing was and will be written.
- `read` gives the records of a partition in order of offset, without gaps, and never skips one
  that comes to lie below an offset already read.
- `wait` returns as soon as there is something to read (it may return early, never for ever late).
- `membership` tells which partitions of a topic this member of a group was given. Two members may
  for a while both believe to own one: `bus.epochs` decides whose commits count.
"""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

MAX_RECORD_BYTES = 1_000_000
"""Largest record (key, headers and value) that every engine takes."""
MAX_APPEND_BYTES = 5_000_000
"""Largest append that every engine takes whole: its records, and `RECORD_OVERHEAD` for each."""
RECORD_OVERHEAD = 100
"""Bytes that a record may cost besides its own, as counted by `MAX_APPEND_BYTES`."""


class LogError(Exception):
    """The log refused; nothing was written."""


class LogUnavailable(LogError):
    """The engine cannot be reached now; try again later."""


class UnknownTopic(LogError):
    """The topic was never declared, or has no such partition."""


class PartitionsChanged(LogError):
    """The topic exists with another number of partitions than was asked for."""


class RecordTooLarge(LogError):
    """A record exceeds `MAX_RECORD_BYTES`; put its payload into the blob store."""


class AppendTooLarge(LogError):
    """The records of an append exceed `MAX_APPEND_BYTES`; append them in `portions`."""


class Doubt(Exception):
    """Nobody knows whether an append took effect; the writer must take over again."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is appended: a key, bytes, and headers that let a reader skip without decoding."""

    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes, as limited by `MAX_RECORD_BYTES`."""
        size = _bytes(self.key) + len(self.value)
        for name, text in self.headers.items():
            size += _bytes(name) + _bytes(text)
        return size


@dataclass(frozen=True, slots=True)
class Stored:
    """A record where it lies in its partition."""

    offset: int
    record: Record


class Membership(Protocol):
    """A member's view of what it was given; see `Log.membership`."""

    @property
    def owned(self) -> frozenset[int]:
        """The partitions this member may write now."""
        ...

    async def changed(self, known: frozenset[int]) -> frozenset[int]:
        """Wait until `owned` differs from `known`; return it."""
        ...


class Log(ABC):
    """An append-only log of topics; all methods may raise `LogError`, each has its own deadline."""

    @abstractmethod
    async def declare(self, topic: str, partitions: int) -> None:
        """Create the topic with so many partitions; raise `PartitionsChanged` if it has others."""

    @abstractmethod
    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""

    @abstractmethod
    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        """Append all or none; return the offset of the first.

        Raises `Doubt`, `RecordTooLarge`, `AppendTooLarge`.
        """

    @abstractmethod
    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000
    ) -> Sequence[Stored]:
        """At most `limit` records from `offset` on, at once; none when there is nothing (yet)."""

    @abstractmethod
    async def wait(self, topic: str, partition: int, offset: int) -> None:
        """Return when a record at `offset` may exist."""

    async def stands(self, topic: str, partition: int) -> NoReturn:
        """Never return; `bus.WatchedLog` raises `LogReplaced` where the partition was replaced."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    @abstractmethod
    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset still kept and the offset that the next record will get."""

    @abstractmethod
    async def trim(self, topic: str, partition: int, below: int) -> None:
        """Forget the records below an offset (of commands that every owner has taken)."""

    @abstractmethod
    def membership(self, group: str, topic: str) -> AbstractAsyncContextManager[Membership]:
        """Join a group that shares the partitions of a topic; leaving hands them over at once."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections; appends under way end in `Doubt`."""


def check_sizes(records: Sequence[Record]) -> None:
    """Raise `RecordTooLarge` or `AppendTooLarge` for an append that no engine would take."""
    total = 0
    for record in records:
        if (size := record.size) > MAX_RECORD_BYTES:
            raise RecordTooLarge(
                f"a record of {size} bytes for key {record.key!r} exceeds the limit of"
                f" {MAX_RECORD_BYTES}: send less at once, or keep what is large beside the log"
            )
        total += size + RECORD_OVERHEAD
    if total > MAX_APPEND_BYTES:
        raise AppendTooLarge(
            f"an append of {len(records)} records with {total} bytes exceeds the limit of"
            f" {MAX_APPEND_BYTES}: append them in portions"
        )


def portions(records: Sequence[Record], most: int = MAX_APPEND_BYTES) -> Iterator[Sequence[Record]]:
    """The records in order, in as few appends as so many bytes allow."""
    start = total = 0
    for index, record in enumerate(records):
        size = record.size + RECORD_OVERHEAD
        if total + size > most and index > start:
            yield records[start:index]
            start, total = index, 0
        total += size
    yield records[start:]


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: the same on every engine, machine and version."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest) % partitions


def _bytes(text: str) -> int:
    """Of a text in UTF-8; engines refuse what is not proper text by themselves."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
