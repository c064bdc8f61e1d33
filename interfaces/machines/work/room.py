"""When it is tried whether files of ours have room on a machine."""

import math
from dataclasses import dataclass

_NOW_AND_THEN, _LONGEST = 600.0, 3600.0
"""Seconds between two tries: while there is room; where it was found and used up again at once."""


@dataclass
class RoomTries:
    """Now and then, and sooner while there is none; times and `soon` in seconds."""

    soon: float
    _tried: float = -math.inf
    _pause: float = 0.0
    _next: float = 0.0

    def due(self, now: float, full: bool) -> bool:
        """Whether to try now."""
        return now - self._tried >= (self._pause if full else max(_NOW_AND_THEN, self.soon))

    def wished(self) -> None:
        """Somebody wants to know now."""
        self._tried = -math.inf

    def tried(self, now: float, full: bool) -> None:
        """It was; room that stays is room for all."""
        self._tried = now
        if not full:
            self._next = 0.0

    def filled(self, now: float) -> None:
        """There is none from now on: what is enough for a try may be too little for a job."""
        self._tried, self._pause = now, max(self.soon, self._next)
        self._next = min(2 * self._pause, _LONGEST)
