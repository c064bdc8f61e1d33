"""One writer per partition, fenced by the log itself.

Who is given a partition appends a *takeover* with a nonce; that record's offset is its *epoch*.
Every commit carries (epoch, sequence within it) and counts only if its epoch is that of the newest
takeover before it and its sequence is the next. Every reader applies this one rule, so a place in a
partition is always a `Position`, never an offset alone: readers that start at different places
would otherwise disagree about which commits of a deposed writer count.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bus.contract import (
    MAX_RECORD_BYTES,
    Doubt,
    Log,
    LogError,
    Record,
    Stored,
    check_sizes,
    portions,
)

TAKEOVER = "takeover"
EPOCH = "epoch"
SEQUENCE = "sequence"


class LogReplaced(LogError):
    """The log is not the one this position was taken in (a restored backup, a lost tail)."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition was read: the next offset, and what decides whether it counts."""

    offset: int
    epoch: int
    sequence: int
    nonce: str

    def after(self, stored: Stored) -> tuple["Position", bool]:
        """The position behind this record, and whether the record is a commit that counts."""
        headers = stored.record.headers
        nonce = headers.get(TAKEOVER)
        if nonce is not None:
            return Position(stored.offset + 1, stored.offset, 0, nonce), False
        expected = (str(self.epoch), str(self.sequence))
        if (headers.get(EPOCH), headers.get(SEQUENCE)) != expected:
            return replace(self, offset=stored.offset + 1), False
        return Position(stored.offset + 1, self.epoch, self.sequence + 1, self.nonce), True


START = Position(offset=0, epoch=-1, sequence=0, nonce="")


def counted(
    position: Position, records: Iterable[Stored]
) -> Iterator[tuple[Stored, Position, bool]]:
    """The records read from `position`, each with the position behind it and whether it counts."""
    for stored in records:
        position, counts = position.after(stored)
        yield stored, position, counts


async def verify(log: Log, topic: str, partition: int, position: Position) -> None:
    """Raise `LogReplaced` unless `position` is one of this very log, with all that lies behind."""
    first, end = await log.bounds(topic, partition)
    if position.offset < first:
        raise LogReplaced(
            f"{topic}/{partition} begins at {first}, but was read only to {position.offset}:"
            " the log lost what lay between"
        )
    if position.offset > end:
        raise LogReplaced(
            f"{topic}/{partition} ends at {end}, but {position.offset} records of it were read"
            " before: the log lost its tail or was restored from an older backup"
        )
    if position.epoch < 0:
        return
    found = await log.read(topic, partition, position.epoch, 1)
    nonce = found[0].record.headers.get(TAKEOVER) if found else None
    if nonce != position.nonce:
        raise LogReplaced(
            f"{topic}/{partition} holds another takeover at {position.epoch} than was read before"
            f" ({nonce!r}, not {position.nonce!r}): the log was replaced"
        )


class Writer:
    """The right to write a partition, for as long as nobody else takes over.

    One append at a time. After any exception the writer is finished: another append raises `Doubt`.
    """

    def __init__(self, log: Log, topic: str, partition: int, epoch: int, nonce: str) -> None:
        self._log, self._topic, self._partition = log, topic, partition
        self.position = Position(epoch + 1, epoch, 0, nonce)
        """Behind the newest commit that was acknowledged where it was expected."""
        self._ready = True
        """Whether there is neither an append under way nor one that failed."""

    @classmethod
    async def take_over(cls, log: Log, topic: str, partition: int, nonce: str) -> "Writer":
        """Append a takeover: every commit of an earlier epoch behind it does not count."""
        offset = await log.append(topic, partition, [Record("", b"", {TAKEOVER: nonce})])
        return cls(log, topic, partition, offset, nonce)

    async def append(self, commits: Sequence[Record]) -> Position:
        """Append commits; return the position behind them once they are known to count.

        More than the log takes at once go in portions, one after the other: each commit is whole
        or absent, and those before a doubt may be there. Raises `Doubt` where they lie elsewhere
        than expected: somebody else wrote in between.
        """
        if not self._ready:
            raise Doubt(f"{self._topic}/{self._partition}: only who takes over again may append")
        self._ready, here = False, self.position
        stamped = [
            _stamped(commit, here.epoch, here.sequence + index)
            for index, commit in enumerate(commits)
        ]
        for portion in portions(stamped):
            await self._append(portion)
        self._ready = True
        return self.position

    async def _append(self, stamped: Sequence[Record]) -> None:
        here = self.position
        offset = await self._log.append(self._topic, self._partition, stamped)
        if offset != here.offset:
            raise Doubt(
                f"{self._topic}/{self._partition}: expected offset {here.offset}, got {offset}"
            )
        count = len(stamped)
        self.position = replace(here, offset=offset + count, sequence=here.sequence + count)


def check_commit(commit: Record) -> None:
    """Raise `RecordTooLarge` for a commit that a writer could not append."""
    if commit.size > MAX_RECORD_BYTES - _STAMP_BYTES:
        check_sizes([_stamped(commit, _HIGHEST, _HIGHEST)])


_HIGHEST = 2**63
_STAMP_BYTES = len(EPOCH) + len(SEQUENCE) + 2 * len(str(_HIGHEST))


def _stamped(commit: Record, epoch: int, sequence: int) -> Record:
    return replace(commit, headers={**commit.headers, EPOCH: str(epoch), SEQUENCE: str(sequence)})
