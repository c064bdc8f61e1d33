"""What fails again and again in this process, and since when: for `/health`."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that was tried again and again, and failed each time since then."""

    reason: str
    """Why it failed the last time."""
    since: float
    """When it failed first, in seconds since 1970."""
    times: int = 1


class Failures(Generic[K]):
    """Actions that fail in a row, by their names."""

    def __init__(self) -> None:
        self.known: dict[K, Failure] = {}

    def add(self, what: K, reason: str, now: float) -> None:
        """It failed, for the first time or once more; the newest is the last."""
        before = self.known.pop(what, None)
        self.known[what] = (
            replace(before, reason=reason, times=before.times + 1)
            if before
            else Failure(reason, now)
        )

    def forget(self, what: K) -> None:
        """It goes well, or is no matter of this process any more."""
        self.known.pop(what, None)
