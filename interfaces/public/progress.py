"""How far the public stream is, in a topic of its own: what the next publisher begins with.

A reign's first records say all, so that what lies before its takeover can go; each later one says
how far it came. Kept apart from the public topic, whose records go by age.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from pydantic import TypeAdapter

from bus import START, Log, LogError, Position, Record
from events.envelope import Cursor
from events.values import Context, Value
from interfaces.public.telling import CONTEXTS

TOPIC = "vestec.publisher.progress"
_TOGETHER = 10_000
"""Exercises named in one record."""
_READ = 1000


class _Came(Value):
    """A record of the topic."""

    cursors: tuple[Cursor, ...]
    end: int
    exercises: tuple[str, ...] = ()
    """Those that no record before this one of the reign names."""


_CAME = TypeAdapter(_Came)


@dataclass(frozen=True)
class Progress:
    """What was published: all of the sources up to `positions`, below `end` of the public topic."""

    positions: Mapping[Context, Position] = field(
        default_factory=lambda: dict.fromkeys(CONTEXTS, START)
    )
    end: int = 0
    exercises: frozenset[str] = frozenset()
    """Incidents that are none in earnest, of all that were passed."""

    def records(self, new: Sequence[str]) -> Iterator[Record]:
        """What to append so that this is known, of exercises only the `new` ones."""
        cursors = tuple(Cursor.at(context, at) for context, at in self.positions.items())
        for start in range(0, max(1, len(new)), _TOGETHER):
            together = tuple(new[start : start + _TOGETHER])
            came = _Came(cursors=cursors, end=self.end, exercises=together)
            yield Record("", _CAME.dump_json(came))

    def after(self, record: Record) -> Self:
        """What is known with one more of those records."""
        came = _CAME.validate_json(record.value)
        noted = {Context(cursor.source): cursor.position for cursor in came.cursors}
        positions = {**self.positions, **noted}  # a context may be told of only since then
        exercises = self.exercises.union(came.exercises)
        return replace(self, positions=positions, end=came.end, exercises=exercises)


async def restore(log: Log, partition: int, epoch: int) -> Progress:
    """What counts before the takeover at `epoch`; raises `LogError` where that is not all there."""
    progress, position = Progress(), START
    offset, _ = await log.bounds(TOPIC, partition)
    while offset < epoch:
        found = await log.read(TOPIC, partition, offset, min(_READ, epoch - offset))
        if not found:
            raise LogError(f"{TOPIC}/{partition} ends before {epoch}")
        for stored in found:
            offset = stored.offset + 1
            position, counts = position.after(stored)
            if counts:
                progress = progress.after(stored.record)
    return progress
