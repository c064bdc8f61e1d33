"""Hybrid logical clock: sorting by its time respects cause and effect across processes.

A timestamp is one integer: milliseconds since the epoch (48 bits) and a counter (16 bits), after
Kulkarni et al. 2014, "Logical Physical Clocks". A clock that is ahead beyond a bound is refused,
so that one machine with a wrong clock cannot drag all others into the future. What counts already
cannot be refused any more: its time is followed up to the bound.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NewType

Timestamp = NewType("Timestamp", int)

_COUNTER_BITS = 16


class ClockAhead(Exception):
    """A timestamp from too far in the future; check the clocks of the machines."""


class HybridClock:
    """Gives timestamps that grow, and grow past every timestamp it was shown."""

    def __init__(self, wall: Callable[[], float], max_ahead: float = 60.0) -> None:
        """`wall` gives seconds since the epoch; `max_ahead` is in seconds."""
        self._wall, self._max_ahead = wall, max_ahead
        self._last = 0

    def now(self) -> Timestamp:
        """A timestamp greater than all given or seen before."""
        physical = int(self._wall() * 1000) << _COUNTER_BITS
        self._last = max(physical, self._last + 1)
        return Timestamp(self._last)

    def seen(self, timestamp: Timestamp) -> None:
        """Take note of another clock's timestamp; raise `ClockAhead` if it cannot be true."""
        ahead = seconds(timestamp) - self._wall()
        if ahead > self._max_ahead:
            raise ClockAhead(
                f"a record is dated {ahead:.0f} s in the future; at most {self._max_ahead:.0f} s"
                " are believed: check the clocks of the machines"
            )
        self._last = max(self._last, timestamp)

    def compare(self, other: float) -> None:
        """Raise `ClockAhead` unless a clock that others go by shows about the same (seconds)."""
        apart = self._wall() - other
        if abs(apart) > self._max_ahead:
            where = "ahead of" if apart > 0 else "behind"
            raise ClockAhead(
                f"this machine's clock is {abs(apart):.0f} s {where} the database's; at most"
                f" {self._max_ahead:.0f} s are believed: set it right"
            )

    def follow(self, timestamp: Timestamp) -> None:
        """Take note of the timestamp of what counts already, as far as it can be true.

        To refuse it would stop who reads it, for as long as somebody else's clock was wrong.
        """
        believed = int((self._wall() + self._max_ahead) * 1000) << _COUNTER_BITS
        self._last = max(self._last, min(timestamp, believed))


def timestamp(at: float) -> Timestamp:
    """The first timestamp of a moment given in seconds since the epoch."""
    return Timestamp(int(at * 1000) << _COUNTER_BITS)


def seconds(timestamp: Timestamp) -> float:
    """Seconds since the epoch, to the millisecond."""
    return (timestamp >> _COUNTER_BITS) / 1000


def moment(timestamp: Timestamp) -> datetime:
    """The moment in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds(timestamp), UTC)
