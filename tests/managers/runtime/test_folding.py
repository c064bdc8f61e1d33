"""What a new owner knows after it folded."""

from bus import MemoryLog, Writer
from events.values import Context
from managers.runtime import Snapshot
from managers.runtime.folding import PartitionState, fold_until, keep_snapshot
from tests.managers.runtime.notes import EVENTS, NOTES, NOW, declared, surroundings


class OneSnapshot:
    """The newest snapshot of the only partition there is."""

    def __init__(self) -> None:
        self._kept: Snapshot | None = None

    async def load(self, _context: Context, _partition: int) -> Snapshot | None:
        return self._kept

    async def store(self, _context: Context, _partition: int, snapshot: Snapshot) -> None:
        self._kept = snapshot


async def test_time_goes_on_behind_a_snapshot_that_a_faster_clock_left() -> None:
    log, snapshots = await declared(MemoryLog()), OneSnapshot()
    fast = surroundings(log, lambda: NOW + 30, snapshots)
    slow = surroundings(log, lambda: NOW, snapshots)
    first = await Writer.take_over(log, EVENTS, 0, "first")
    time = fast.clock.now()
    await keep_snapshot(NOTES, 0, fast, PartitionState({}, {}, first.position))
    await fold_until(NOTES, 0, slow, await Writer.take_over(log, EVENTS, 0, "second"))
    assert slow.clock.now() > time
