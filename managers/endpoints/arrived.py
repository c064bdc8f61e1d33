"""What has arrived at an endpoint: so that what is sent again arrives once.

Of a series the highest number is known, so an arrival in one is known for ever. Other arrivals are
known by their ids, while they are among the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from events.endpoints import Place

REMEMBERED = 10_000
"""How many of the newest arrivals without a place are known at least: minutes of a busy sender."""
_TOGETHER = 250
"""Arrivals in one set: adding to a set copies it."""
_BUCKETS = 256
"""Of series: with a new number one of them is copied, a few hundred of a hundred thousand."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The arrivals that are known."""

    newest: tuple[frozenset[UUID], ...] = ()
    """Those without a place, newest sets first."""
    highest: tuple[Mapping[UUID, int], ...] = ()
    """The number that each series has come to, in buckets by a byte of its id."""

    def has(self, id: UUID, place: Place | None) -> bool:
        """Whether an arrival came before, or a later one of its series."""
        if place is None:
            return any(id in some for some in self.newest)
        if not self.highest:
            return False
        known = self.highest[_bucket(place)].get(place.series)
        return known is not None and place.number <= known

    def and_also(self, id: UUID, place: Place | None) -> "Arrived":
        """With one more."""
        if place is not None:
            return replace(self, highest=self._raised(place))
        newest, *older = self.newest or (frozenset[UUID](),)
        if len(newest) == _TOGETHER:
            newest, older = frozenset(), [newest, *older][: REMEMBERED // _TOGETHER]
        return replace(self, newest=(newest | {id}, *older))

    def _raised(self, place: Place) -> tuple[Mapping[UUID, int], ...]:
        buckets = [*(self.highest or ({},) * _BUCKETS)]
        at = _bucket(place)
        buckets[at] = {**buckets[at], place.series: place.number}
        return tuple(buckets)


def _bucket(place: Place) -> int:
    return place.series.int % _BUCKETS
