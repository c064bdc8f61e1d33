"""When the clock alone has something to say of a key.

The moments of all keys lie on a heap. That of a key which is heard moves on, and is put right only
when the old one has come: so to a reading it costs a look into a set.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from math import inf

from interfaces.sensors.rules import KeyState

Moment = Callable[[KeyState], int | None]
"""In ms; None: not before the key is heard. Of a key that is heard it never comes earlier."""


class Deadlines:
    """When each of many names has to be looked at."""

    def __init__(self, moment: Moment, names: Iterable[bytes] = ()) -> None:
        """Of these names nothing is known yet: they are looked at first."""
        self._moment = moment
        self._names = {*names}
        self._heap: list[tuple[float, bytes]] = [(-inf, name) for name in self._names]
        heapify(self._heap)

    @property
    def next(self) -> float:
        """When (ms) a name may have to be looked at, at the earliest."""
        return self._heap[0][0] if self._heap else inf

    def watch(self, name: bytes, state: KeyState) -> None:
        """Look at a name when its moment comes."""
        if name not in self._names and (moment := self._moment(state)) is not None:
            self._names.add(name)
            heappush(self._heap, (moment, name))

    def due(
        self, now: int, most: int, state: Callable[[bytes], KeyState | None]
    ) -> Iterator[tuple[bytes, KeyState]]:
        """Names whose moment has come, of so many that are looked at; they are watched no more."""
        for _ in range(most):
            if self.next > now:
                return
            _, name = heappop(self._heap)
            self._names.remove(name)
            if (found := state(name)) is None:
                continue
            moment = self._moment(found)
            if moment is not None and moment <= now:
                yield name, found
            else:
                self.watch(name, found)
