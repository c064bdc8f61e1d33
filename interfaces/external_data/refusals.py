"""How often an incident is told of pushes that were refused: anybody may push, and often."""

from collections.abc import Callable
from dataclasses import dataclass

EACH = 20
"""Refusals of one endpoint that are told one by one in a window."""
WINDOW = 60.0
"""Seconds."""


@dataclass
class _Told:
    since: float
    times: int = 0
    silent: int = 0


class Refusals:
    """Those beyond a few a minute are counted, and told with the next one that is."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._of: dict[str, _Told] = {}

    def sentence(self, endpoint: str, name: str, reason: str) -> str | None:
        """What to tell of one more refusal; None: nothing now."""
        now = self._wall()
        if endpoint not in self._of:
            self._forget(now)
        told = self._of.setdefault(endpoint, _Told(now))
        if now - told.since >= WINDOW:
            told.since, told.times = now, 0
        if told.times == EACH:
            told.silent += 1
            return None
        told.times += 1
        before, told.silent = told.silent, 0
        also = f" ({before} more were refused before it)" if before else ""
        return f"a push to {name} was refused: {reason}{also}"

    def _forget(self, now: float) -> None:
        """Those whose window is over, and of which all was told."""
        self._of = {
            endpoint: told
            for endpoint, told in self._of.items()
            if told.silent or now - told.since < WINDOW
        }
