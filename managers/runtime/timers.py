"""When the clock must be looked at for a key, recomputed from the state; nothing is remembered."""

import asyncio
import heapq
from collections.abc import Callable
from typing import NoReturn


class Timers:
    """Calls `ring(key)` once when the moment set for the key (seconds since the epoch) is there."""

    def __init__(self, wall: Callable[[], float], ring: Callable[[str], None]) -> None:
        self._wall, self._ring = wall, ring
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._changed = asyncio.Event()

    def set(self, key: str, due: float | None) -> None:
        """Replace the key's moment; None: there is none."""
        if due == self._due.get(key):
            return
        if due is None:
            del self._due[key]
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        if self._heap[0] == (due, key):
            self._changed.set()

    async def run(self) -> NoReturn:
        while True:
            self._changed.clear()
            self._ring_what_is_due()
            wait = self._heap[0][0] - self._wall() if self._heap else None
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _ring_what_is_due(self) -> None:
        now = self._wall()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self._ring(key)
