"""Commits of several partitions in one order, in which nothing comes before what caused it.

Of what may come next the earliest comes first. A commit whose cause lies in another of these
partitions waits until that was passed: it is there already, since it was read before the commit was
decided.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bus import Position, Stored
from events.envelope import Commit, decode
from events.values import Context
from managers.runtime.sources import source_name


@dataclass(frozen=True, slots=True)
class Next:
    """A record that was read; `commit` is None where it does not count."""

    stored: Stored
    position: Position
    """Behind it."""
    commit: Commit | None


class Order:
    """The same partition of several contexts, from where each was read to."""

    def __init__(self, partition: int, positions: Mapping[Context, Position]) -> None:
        self._names = {source_name(context, partition): context for context in positions}
        self._read = dict(positions)
        self.positions = dict(positions)
        """Behind what was given out of each."""
        self._waiting: dict[Context, deque[Next]] = {context: deque() for context in positions}

    @property
    def wanted(self) -> dict[Context, int]:
        """The contexts of which all that was read was given out, and from where on to read more."""
        return {
            context: self._read[context].offset
            for context, waiting in self._waiting.items()
            if not waiting
        }

    def add(self, context: Context, records: Sequence[Stored]) -> None:
        """What was read there."""
        for stored in records:
            self._read[context], counts = self._read[context].after(stored)
            commit = decode(stored.record) if counts else None
            self._waiting[context].append(Next(stored, self._read[context], commit))

    def take(self, limit: int) -> list[tuple[Context, Next]]:
        """At most so many of the records that may come next, in order."""
        taken: list[tuple[Context, Next]] = []
        while len(taken) < limit and (context := self._earliest()) is not None:
            following = self._waiting[context].popleft()
            self.positions[context] = following.position
            taken.append((context, following))
        return taken

    def _earliest(self) -> Context | None:
        ready = {
            context: waiting[0].commit
            for context, waiting in self._waiting.items()
            if waiting and self._may_come(waiting[0].commit)
        }
        return min(ready, key=lambda context: _time(ready[context]), default=None)

    def _may_come(self, commit: Commit | None) -> bool:
        name, _, offset = commit.cause.rpartition("/") if commit else ("", "", "")
        context = self._names.get(name)
        return context is None or int(offset) < self.positions[context].offset


def _time(commit: Commit | None) -> int:
    return commit.time if commit else 0
