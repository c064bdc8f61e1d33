"""What of the timeline a reader has seen: the newest event of every partition of every context.

The order in which a read model takes in several partitions is another one after each rebuild, so
that a place in that order says nothing then. Places in the log stay, and within a partition events
come in their order: whoever goes on behind them gets every event that is new, and none again.
"""

import re
from collections.abc import Iterable, Mapping

from events.envelope import EventOffset
from events.values import Context
from projections.positions import Source

NOTHING: EventOffset = (-1, -1)
_TEXT = re.compile(r"[a-z]+(-(\d{1,18}(\.\d{1,9})?)?)+(~[a-z]+(-(\d{1,18}(\.\d{1,9})?)?)+)*", re.A)
_WHOLE = 10**9 - 1
"""The index of an event behind all that a commit can hold."""


class Seen:
    """Grows with every event; as text it is what a client sends to go on."""

    def __init__(self, places: Mapping[Source, EventOffset] | None = None) -> None:
        self.places = dict(places or {})

    @classmethod
    def before(cls, offsets: Mapping[Source, int]) -> "Seen":
        """All that lies below these offsets."""
        return cls({source: (end - 1, _WHOLE) for source, end in offsets.items() if end})

    @classmethod
    def parse(cls, text: str) -> "Seen":
        """What `str` gave; `0` and nothing: no event yet. Raises `ValueError`."""
        if text in ("", "0"):
            return cls()
        if not _TEXT.fullmatch(text):
            raise ValueError("it is not the id of an event")
        places: dict[Source, EventOffset] = {}
        for part in text.split("~"):
            name, *said = part.split("-")
            context = Context(name)
            places |= {(context, n): _place(one) for n, one in enumerate(said) if one}
        return cls(places)

    def __str__(self) -> str:
        """`incidents-57.2-4~machines-3`: contexts, and in each the places by partition."""
        return "~".join(
            "-".join([context, *map(self._said, _partitions(context, self.places))])
            for context in Context
            if any(source[0] == context for source in self.places)
        )

    def _said(self, source: Source) -> str:
        offset, index = self.places.get(source, NOTHING)
        if offset < 0:
            return ""
        return str(offset) if index == _WHOLE else f"{offset}.{index}"

    def take(self, source: Source, place: EventOffset) -> bool:
        """Whether this event is new; from now on it is not."""
        new = place > self.places.get(source, NOTHING)
        if new:
            self.places[source] = place
        return new

    def columns(self) -> tuple[list[str], list[int], list[int], list[int]]:
        """Contexts, partitions, offsets and indices, for a query."""
        rows = [(*source, *place) for source, place in self.places.items()]
        return (
            [context.value for context, *_ in rows],
            [partition for _, partition, *_ in rows],
            [offset for *_, offset, _ in rows],
            [index for *_, index in rows],
        )


def _place(text: str) -> EventOffset:
    offset, _, index = text.partition(".")
    return int(offset), int(index) if index else _WHOLE


def _partitions(context: Context, sources: Iterable[Source]) -> Iterable[Source]:
    last = max(partition for one, partition in sources if one == context)
    return [(context, partition) for partition in range(last + 1)]
