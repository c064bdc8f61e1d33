"""What the composition root gives to every manager: the log, clocks, ids, deadlines."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from bus import HybridClock, Log
from managers.runtime.snapshots import NoSnapshots, Snapshots


@dataclass(frozen=True)
class Surroundings:
    """Time is in seconds. `wall` and the loop's clock must go at the same speed."""

    log: Log
    clock: HybridClock
    wall: Callable[[], float]
    chance: random.Random
    snapshots: Snapshots = field(default_factory=NoSnapshots)
    process: str = field(default_factory=lambda: uuid4().hex)
    """A name that no other process ever has."""
    append_deadline: float = 10.0
    backoff: tuple[float, float] = (0.05, 2.0)
    """The shortest and the longest wait before the next takeover."""
    batch: int = 500
    """Inputs decided in one go."""
    snapshot_every: int = 5000
    """Commits between two snapshots of a partition."""
    trim_every: int = 1000
    """Commands between two trims of a partition of the commands topic."""

    def new_id(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)
