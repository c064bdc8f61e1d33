"""A bound on how often somebody may fail, in bounded memory."""

import asyncio
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

from interfaces.gateway.problems import Problem


class Throttle:
    """Refuses who failed `limit` times within `window` seconds."""

    def __init__(
        self, limit: int, window: float, wall: Callable[[], float], capacity: int = 10_000
    ) -> None:
        self._limit, self._window, self._wall, self._capacity = limit, window, wall, capacity
        self._failures: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._under_way = Counter[Hashable]()
        self._ends = defaultdict[Hashable, asyncio.Event](asyncio.Event)

    @asynccontextmanager
    async def attempt(self, who: Hashable) -> AsyncIterator[None]:
        """What is tried in this context fails by raising `Problem`.

        Each attempt under way may be a failure: one that would be too many then waits for an end.
        Raises `Problem` (429) for who failed too often.
        """
        while self._under_way[who] >= self._chances(who):
            await self._ends[who].wait()
        self._under_way[who] += 1
        try:
            yield
        except Problem:
            self._failed(who)
            raise
        finally:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]
            self._ends.pop(who, asyncio.Event()).set()

    def _chances(self, who: Hashable) -> int:
        """How often he may fail now, at least once. Raises `Problem` (429)."""
        failures, now = self._failures.get(who, ()), self._wall()
        recent = [when for when in failures if when + self._window > now]
        if len(recent) < self._limit:
            return self._limit - len(recent)
        seconds = str(int(recent[0] + self._window - now) + 1)
        raise Problem(
            429,
            f"Too many failures; try again in {seconds} s.",
            headers={"Retry-After": seconds},
        )

    def _failed(self, who: Hashable) -> None:
        self._failures.setdefault(who, deque(maxlen=self._limit)).append(self._wall())
        self._failures.move_to_end(who)
        if len(self._failures) > self._capacity:
            self._failures.popitem(last=False)
