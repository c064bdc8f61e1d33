"""Each commit is decoded once for all projections that fold side by side, and they are kept so.

Decoding costs more than folding. Where a log is folded from its beginning each projection would go
at its own pace, and find what another one had decoded forgotten.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic

from bus import Stored
from events.envelope import Commit, decode
from projections.positions import Mark, Source

_AHEAD = 500
"""Records of a partition that one may be ahead of the others."""
_OUT_OF_REACH = 10_000
"""Who is so far behind, or in front, goes alone."""
_PATIENCE = 5.0
"""Seconds after which nobody waits any more for one that takes nothing in."""


class Decoder:
    """What was decoded and somebody will yet ask for, at most `capacity` commits."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._commits: dict[Source, dict[int, Commit]] = defaultdict(dict)
        self._count, self._capacity = 0, capacity
        self._taken: dict[Source, dict[str, int]] = defaultdict(dict)
        """The next offset of each partition that each projection will take in."""
        self._moved_at: dict[str, float] = {}
        self._moved = asyncio.Event()

    def commit(self, source: Source, stored: Stored) -> Commit:
        """The commit in a record of that partition."""
        known = self._commits[source]
        if (commit := known.get(stored.offset)) is None:
            commit = known[stored.offset] = decode(stored.record)
            self._count += 1
            if self._count > self._capacity:
                self._forget_all()
        return commit

    @contextmanager
    def side_by_side(self, projection: str, marks: Mapping[Source, Mark]) -> Iterator[None]:
        """Others may count on it that this one folds from there, as long as the context lasts."""
        self.taken(projection, marks)
        try:
            yield
        finally:
            for of_one in self._taken.values():
                of_one.pop(projection, None)
            self._moved.set()

    def taken(self, projection: str, marks: Mapping[Source, Mark]) -> None:
        """The projection has taken in what lies before these marks."""
        for source, (position, _) in marks.items():
            before = self._taken[source].get(projection, position.offset)
            self._taken[source][projection] = position.offset
            self._forget(source, before, min(self._taken[source].values()))
        self._moved_at[projection] = monotonic()
        self._moved.set()

    async def others(self, source: Source, offset: int) -> None:
        """Wait for those that are a little behind, as long as they come nearer."""
        while self._wait_for_others(source, offset):
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._moved.wait()

    def _wait_for_others(self, source: Source, offset: int) -> bool:
        since = monotonic() - _PATIENCE
        return any(
            _AHEAD <= offset - taken < _OUT_OF_REACH and self._moved_at[projection] > since
            for projection, taken in self._taken[source].items()
        )

    def _forget(self, source: Source, start: int, end: int) -> None:
        known = self._commits[source]
        for offset in range(start, end):
            if known.pop(offset, None) is not None:
                self._count -= 1

    def _forget_all(self) -> None:
        """Some are so far apart that there is no use in it."""
        self._commits.clear()
        self._count = 0
