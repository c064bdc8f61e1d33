"""A bound on how often somebody may fail, in bounded memory."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

from interfaces.gateway.problems import Problem


class Throttle:
    """Refuses who failed `limit` times within `window` seconds."""

    def __init__(
        self, limit: int, window: float, wall: Callable[[], float], capacity: int = 10_000
    ) -> None:
        self._limit, self._window, self._wall, self._capacity = limit, window, wall, capacity
        self._failures: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def check(self, who: Hashable) -> None:
        """Raises `Problem` (429) for who failed too often."""
        failures = self._failures.get(who)
        if not failures or len(failures) < self._limit:
            return
        wait = failures[0] + self._window - self._wall()
        if wait > 0:
            seconds = str(int(wait) + 1)
            raise Problem(
                429,
                f"Too many failures; try again in {seconds} s.",
                headers={"Retry-After": seconds},
            )

    def failed(self, who: Hashable) -> None:
        """Note a failure."""
        self._failures.setdefault(who, deque(maxlen=self._limit)).append(self._wall())
        self._failures.move_to_end(who)
        if len(self._failures) > self._capacity:
            self._failures.popitem(last=False)
