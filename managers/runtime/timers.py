"""When the clock must be looked at for a key, recomputed from the state; nothing is remembered."""

import asyncio
import heapq
from collections.abc import Callable
from typing import NoReturn

_AGAIN = 1.0
"""Seconds until a moment is rung for again that is still due after it was rung for."""
_LOOK_EVERY = 5.0
"""Seconds until the clock is looked at anew: it may have been set, or the machine have slept."""


class Timers:
    """Calls `ring(key)` when the moment set for the key (seconds since the epoch) is there."""

    def __init__(self, wall: Callable[[], float], ring: Callable[[str], None]) -> None:
        self._wall, self._ring = wall, ring
        self._due: dict[str, float] = {}
        self._rung: dict[str, float] = {}
        """The moments that were rung for last, by key."""
        self._heap: list[tuple[float, str, float]] = []
        """When to ring, for whom, and for which moment."""
        self._changed = asyncio.Event()

    def set(self, key: str, due: float | None) -> None:
        """Replace the key's moment; None: there is none."""
        if due is None:
            self._due.pop(key, None)
            self._rung.pop(key, None)
            return
        if due == self._due.get(key):
            return
        self._due[key] = due
        again = due == self._rung.get(key)
        entry = (self._wall() + _AGAIN if again else due, key, due)
        heapq.heappush(self._heap, entry)
        if len(self._heap) > 2 * len(self._due):
            self._forget_what_was_replaced()
        if self._heap[0] == entry:
            self._changed.set()

    async def run(self) -> NoReturn:
        while True:
            self._changed.clear()
            self._ring_what_is_due()
            wait = min(self._heap[0][0] - self._wall(), _LOOK_EVERY) if self._heap else None
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _forget_what_was_replaced(self) -> None:
        """One entry a key is left: the first for its moment."""
        entries = sorted(self._heap, reverse=True)
        first = {entry[1]: entry for entry in entries if self._due.get(entry[1]) == entry[2]}
        self._heap = sorted(first.values())

    def _ring_what_is_due(self) -> None:
        now = self._wall()
        while self._heap and self._heap[0][0] <= now:
            _, key, due = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self._rung[key] = due
                self._ring(key)
