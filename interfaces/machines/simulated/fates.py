"""What a simulated batch system has in store for a job: by plan, or by lot from a seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from events.jobs import JobRequest, RelativePath


@dataclass(frozen=True)
class Fate:
    """What will happen to one job; times in seconds."""

    wait: float = 0.0
    """In the queue, though a slot may be free."""
    run: float = 1.0
    """Until the program ends by itself."""
    exit_code: int = 0
    refused: str = ""
    """Why the submission is refused for ever; empty when it is not."""
    answer_after: float = 0.0
    """Until the answer to the submission comes."""
    answer_lost: bool = False
    """Whether that answer is lost, though the job was accepted."""
    vanishes: bool = False
    """Whether the job is gone one day without a word."""
    preempted: float | None = None
    """Into its first run, until others take its place and it is queued again; None: never."""


class Oracle(Protocol):
    """Tells fates; the same for the same request, however often it is asked."""

    def fate(self, request: JobRequest, instance: int | None = None) -> Fate:
        """That of a job, or of an instance of it: whether it is taken is the job's."""
        ...

    def unreachable(self, now: float) -> bool:
        """Whether the machine cannot be reached at `now` (seconds since the epoch)."""
        ...


@dataclass(frozen=True)
class Planned:
    """Fates as chosen: by executable, otherwise the default; outages as (from, until)."""

    by_executable: Mapping[str, Fate]
    default: Fate = Fate()
    outages: tuple[tuple[float, float], ...] = ()
    by_instance: Mapping[int, Fate] = field(default_factory=dict)
    """Of those of arrays that fare otherwise."""

    def fate(self, request: JobRequest, instance: int | None = None) -> Fate:
        fate = self.by_executable.get(request.executable, self.default)
        return fate if instance is None else self.by_instance.get(instance, fate)

    def unreachable(self, now: float) -> bool:
        return any(start <= now < end for start, end in self.outages)


@dataclass(frozen=True)
class Seeded:
    """Fates by lot: mean times in seconds, chances from 0 to 1."""

    seed: int
    wait: float = 10.0
    run: float = 20.0
    failure: float = 0.0
    overrun: float = 0.0
    """Chance to run beyond its walltime."""
    lost_answer: float = 0.0
    slow_answer: float = 0.0
    vanishing: float = 0.0
    preemption: float = 0.0
    outage: float = 0.0
    """Chance of each `outage_length` of time to be one in which nothing answers."""
    outage_length: float = 60.0

    def fate(self, request: JobRequest, instance: int | None = None) -> Fate:
        its = "" if instance is None else f".{instance}"
        lot = Random(f"{self.seed} {request.token}{its}")
        wait, run = lot.expovariate(1 / self.wait), lot.expovariate(1 / self.run)
        happens = [lot.random() < chance for chance in self._chances]
        failure, overrun, lost_answer, slow_answer, vanishes = happens
        return Fate(
            wait=wait,
            run=2.0 * request.walltime if overrun else min(run, 0.9 * request.walltime),
            exit_code=lot.choice([1, 3, 139]) if failure else 0,
            answer_after=lot.uniform(1, 30) if slow_answer else 0.0,
            answer_lost=lost_answer,
            vanishes=vanishes,
            preempted=lot.uniform(0, self.run) if lot.random() < self.preemption else None,
        )

    def unreachable(self, now: float) -> bool:
        return Random(f"{self.seed} {now // self.outage_length}").random() < self.outage

    @property
    def _chances(self) -> tuple[float, ...]:
        return self.failure, self.overrun, self.lost_answer, self.slow_answer, self.vanishing


def fates(tell: Callable[[JobRequest, int | None], Fate], request: JobRequest) -> list[Fate]:
    """Of a job, or of all instances of an array."""
    if request.instances == 1:
        return [tell(request, None)]
    return [tell(request, n) for n in range(request.instances)]


Results = Callable[[JobRequest, Mapping[RelativePath, bytes]], Mapping[RelativePath, bytes]]
"""The files that a program would leave, from its request and its inputs."""


def declared(sizes: Mapping[RelativePath, int], seed: int = 0) -> Results:
    """Results of the given names and sizes in bytes, filled by lot; the same for the same token."""

    def results(
        request: JobRequest, inputs: Mapping[RelativePath, bytes]
    ) -> Mapping[RelativePath, bytes]:
        lot = Random(f"{seed} {request.token}")
        return {name: lot.randbytes(size) for name, size in sizes.items()}

    return results
