"""Snapshots of a partition's counted state: only ever an optimisation."""

from dataclasses import dataclass
from typing import Protocol

from bus import Position
from events.values import Context


@dataclass(frozen=True, slots=True)
class Snapshot:
    """States by key and cursors by source, as lines of JSON, at a position.

    `fold` is the code's version.
    """

    position: Position
    fold: int
    states: bytes


class Snapshots(Protocol):
    """Where snapshots are kept; losing them costs time, never truth."""

    async def load(self, context: Context, partition: int) -> Snapshot | None:
        """The newest one there is."""

    async def store(self, context: Context, partition: int, snapshot: Snapshot) -> None:
        """Replace the one there is."""


class NoSnapshots:
    """Every takeover folds the whole log."""

    async def load(self, context: Context, partition: int) -> Snapshot | None:
        return None

    async def store(self, context: Context, partition: int, snapshot: Snapshot) -> None:
        return None
