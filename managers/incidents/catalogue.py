"""What the Workflow Manager knows of workflows: plans, without their code."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

_LONGEST_WAIT = 30 * 86400.0
"""A month, in seconds: what waits longer is not tried again."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a stage that raised is tried again, and after how many seconds.

    Raises `ValueError` for a wait that is negative or has no end.
    """

    times: int = 0
    wait: float = 1.0
    factor: float = 2.0

    def __post_init__(self) -> None:
        if self.times < 0:
            raise ValueError(f"a stage cannot be tried again {self.times} times")
        if not (self.wait >= 0 and self.factor >= 0 and self._longest <= _LONGEST_WAIT):
            raise ValueError(
                f"a stage cannot be tried again after {self.wait:g} s, {self.factor:g} times as"
                f" long each time: a wait is from 0 to {_LONGEST_WAIT:g} s"
            )

    @property
    def _longest(self) -> float:
        try:
            return max(self.wait, self.delay(self.times) or 0.0)
        except OverflowError:
            return math.inf

    def delay(self, attempt: int) -> float | None:
        """Seconds until the attempt after the `attempt`-th, counted from 1; None: no more."""
        return self.wait * self.factor ** (attempt - 1) if attempt <= self.times else None


@dataclass(frozen=True, slots=True)
class Debounce:
    """A burst is one run: when it was quiet for `quiet` seconds, after `at_most` in any case."""

    quiet: float
    at_most: float


@dataclass(frozen=True, slots=True)
class StagePlan:
    """How a stage is to be run."""

    name: str
    lane: str | None = None
    latest: bool = False
    debounce: Debounce | None = None
    retry: Retry = Retry()
    every: float | None = None
    """Seconds between two runs that nobody asks for."""


@dataclass(frozen=True, slots=True)
class WorkflowPlan:
    """A workflow: its stages by name (old names included), and what it asks of parameters."""

    kind: str
    version: int
    stages: Mapping[str, StagePlan]
    check: Callable[[dict[str, JsonValue]], dict[str, JsonValue]]
    """The parameters, completed and normalised; raises `ValueError` with a sentence."""
    on_activate: str | None = None
    on_end: str | None = None

    def stage(self, name: str) -> StagePlan:
        """The plan of a stage; a stage that is gone gets a plain one, and fails when it runs."""
        return self.stages.get(name, StagePlan(name))


Catalogue = Mapping[str, WorkflowPlan]
