"""How often an incident is told of pushes that were refused: anybody may push, and often."""

from collections.abc import Callable
from dataclasses import dataclass

EACH = 20
"""Refusals of one endpoint that are told one by one in a window."""
WINDOW = 60.0
"""Seconds."""
LOOK = 10.0
"""Between two looks for what is overdue."""


@dataclass
class _Told:
    since: float
    times: int = 0
    silent: int = 0


class Refusals:
    """Those beyond a few a minute are counted, and told with the next one, or after the minute."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._of: dict[tuple[str, str], _Told] = {}

    def sentence(self, incident: str, name: str, reason: str) -> str | None:
        """What to tell of one more refusal at an endpoint; None: nothing now."""
        now = self._wall()
        told = self._of.setdefault((incident, name), _Told(now))
        if now - told.since >= WINDOW:
            told.since, told.times = now, 0
        if told.times == EACH:
            told.silent += 1
            return None
        told.times += 1
        before, told.silent = told.silent, 0
        also = f" ({before} more were refused before it)" if before else ""
        return f"a push to {name} was refused: {reason}{also}"

    def overdue(self) -> list[tuple[str, str]]:
        """What to tell which incident of a window that is over; it is forgotten here."""
        now = self._wall()
        over = [of for of, told in self._of.items() if now - told.since >= WINDOW]
        left = [(*of, self._of.pop(of).silent) for of in over]
        return [
            (incident, f"{silent} more pushes to {name} were refused")
            for incident, name, silent in left
            if silent
        ]
