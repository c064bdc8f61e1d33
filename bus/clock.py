"""Hybrid logical clock: sorting by its time respects cause and effect across processes.

A timestamp is one integer: milliseconds since the epoch (48 bits) and a counter (16 bits), after
Kulkarni et al. 2014, "Logical Physical Clocks". A process with a clock that is wrong beyond a bound
does not start. What runs goes on whatever its own clock or another's comes to show: times are
followed up to the bound, so that one wrong clock cannot drag all others into the future.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NewType

Timestamp = NewType("Timestamp", int)

_COUNTER_BITS = 16


class ClockWrong(Exception):
    """A machine's clock is far from the one that others go by."""


class HybridClock:
    """Gives timestamps that grow, and grow past every timestamp it was shown.

    Only where the wall clock is set back by more than `max_ahead` they go back with it: otherwise
    what happens now would be dated as wrongly as before, until the wall clock is there again.
    """

    def __init__(self, wall: Callable[[], float], max_ahead: float = 60.0) -> None:
        """`wall` gives seconds since the epoch; `max_ahead` is in seconds."""
        self._wall, self._max_ahead = wall, max_ahead
        self._last, self._looked = 0, 0.0

    def now(self) -> Timestamp:
        """A timestamp greater than all given or followed before."""
        wall = self._look()
        self._last = max(timestamp(wall), self._last + 1)
        return Timestamp(self._last)

    def follow(self, seen: Timestamp) -> None:
        """Take note of another clock's timestamp, as far as it can be true.

        To refuse what it dates would lose it, or stop who reads it, for somebody's wrong clock.
        """
        wall = self._look()
        self._last = max(self._last, min(seen, timestamp(wall + self._max_ahead)))

    def _look(self) -> float:
        """What the wall clock shows; where it was set back, what was given before is forgotten."""
        wall = self._wall()
        if wall < self._looked - self._max_ahead:
            self._last = 0
        self._looked = wall
        return wall

    def compare(self, other: float) -> None:
        """Raise `ClockWrong` unless a clock that others go by shows about the same (seconds)."""
        apart = self._wall() - other
        if abs(apart) > self._max_ahead:
            where = "ahead of" if apart > 0 else "behind"
            raise ClockWrong(
                f"this machine's clock is {abs(apart):.0f} s {where} the database's; at most"
                f" {self._max_ahead:.0f} s are believed: set it right"
            )


def timestamp(at: float) -> Timestamp:
    """The first timestamp of a moment given in seconds since the epoch."""
    return Timestamp(int(at * 1000) << _COUNTER_BITS)


def seconds(timestamp: Timestamp) -> float:
    """Seconds since the epoch, to the millisecond."""
    return (timestamp >> _COUNTER_BITS) / 1000


def moment(timestamp: Timestamp) -> datetime:
    """The moment in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds(timestamp), UTC)
