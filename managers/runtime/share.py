"""A share of a topic's partitions in this process: an owner for each that the group gives us."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Generic, NoReturn, Protocol, TypeVar

import structlog

from bus import LogReplaced
from bus.tasks import doubling, end_if_cancelled, first
from managers.runtime.ends import Ends
from managers.runtime.failures import Failure, Failures
from managers.runtime.folding import PartitionBroken
from managers.runtime.surroundings import Surroundings

_log = structlog.get_logger()

_HOPELESS = (PartitionBroken, LogReplaced)
"""What another takeover would meet again: stop, and say so loudly."""
_GOES_WELL = 60.0
"""Seconds without an error after which an owner is not said to fail any more."""


def _monotonic() -> float:
    """Seconds on a clock that nobody sets."""
    return asyncio.get_running_loop().time()


class Owning(Protocol):
    """Who works on one partition until doubt, and is then thrown away."""

    @property
    def since(self) -> float | None:
        """When it was ready, in seconds since the epoch; None while it is taking over."""

    async def run(self) -> NoReturn:
        """Own the partition until doubt, which is raised as whatever caused it."""

    async def behind(self, ends: Ends) -> int:
        """How many records of its sources it has not taken in; raises `LogError`."""


P = TypeVar("P", bound=Owning)


class Share(Generic[P]):
    """Keeps owners in line with membership; any number of processes may run one each."""

    def __init__(
        self, around: Surroundings, group: str, topic: str, name: str, owner: Callable[[int], P]
    ) -> None:
        """`name` is what the partitions belong to, for logs; `owner` makes one for a partition."""
        self._around, self._group, self._topic = around, group, topic
        self._name, self._owner = name, owner
        self._owners: dict[int, asyncio.Task[None]] = {}
        self._at_work: dict[int, P] = {}
        self.broken: dict[int, str] = {}
        """Partitions that are ours and were given up, and why."""
        self._failures = Failures[int]()
        self._began: dict[int, float] = {}
        """When its owner was made, by the clock that nobody sets."""

    @property
    def owned(self) -> frozenset[int]:
        """The partitions that this process writes; not those that it has given up."""
        return frozenset(self._owners.keys() - self.broken.keys())

    @property
    def failing(self) -> Mapping[int, Failure]:
        """Partitions that were taken over again and again, without a minute's work in between.

        Once is no failure: any doubt has that answer.
        """
        now, known = _monotonic(), self._failures.known
        return {
            partition: failure
            for partition, failure in known.items()
            if failure.times > 1 and now - self._began[partition] < _GOES_WELL
        }

    @property
    def since(self) -> float | None:
        """When the newest of them was ready, in seconds since the epoch; None: one is not yet."""
        ready = [self._at_work[one].since if one in self._at_work else None for one in self.owned]
        return max((at for at in ready if at is not None), default=None) if all(ready) else None

    @property
    def taking_over(self) -> bool:
        """Whether one of them is not ready yet, and has not been given up."""
        at_work = self._at_work.items()
        return any(owner.since is None for one, owner in at_work if one not in self.broken)

    async def behind(self, ends: Ends) -> int:
        """How many records of their sources they have not taken in; raises `LogError`."""
        return sum(await asyncio.gather(*(one.behind(ends) for one in self._at_work.values())))

    async def run(self) -> NoReturn:
        """Take part until cancelled; hands over its partitions on leaving."""
        async with (
            self._around.log.membership(self._group, self._topic) as member,
            asyncio.TaskGroup() as tasks,
        ):
            owned: frozenset[int] = frozenset()
            while True:
                owned = await member.changed(owned)
                await self._stop(self._owners.keys() - owned)
                for partition in sorted(owned - self._owners.keys()):
                    name = f"{self._name}/{partition}"
                    self._owners[partition] = tasks.create_task(self._own(partition), name=name)

    async def _stop(self, partitions: set[int]) -> None:
        stopped = [self._owners.pop(partition) for partition in partitions]
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)
        for partition in partitions:
            self.broken.pop(partition, None)
            self._at_work.pop(partition, None)
            self._failures.forget(partition)

    async def _own(self, partition: int) -> None:
        """Take over, again and again: any doubt has this one answer."""
        pauses = doubling(*self._around.backoff)
        while True:
            started = self._began[partition] = _monotonic()
            self._at_work[partition] = owner = self._owner(partition)
            try:
                await owner.run()
            except Exception as error:
                cause = first(error)
                if isinstance(cause, _HOPELESS):
                    self.broken[partition] = str(cause)
                    self._failures.forget(partition)
                    _log.critical(
                        "partition stopped",
                        context=self._name,
                        partition=partition,
                        exc_info=cause,
                        **(cause.ids if isinstance(cause, PartitionBroken) else {}),
                    )
                    return
                reason = f"{type(cause).__name__}: {cause}"
                if _monotonic() - started >= _GOES_WELL:
                    self._failures.forget(partition)
                self._failures.add(partition, reason, self._around.wall())
                _log.warning(
                    "taking over again", context=self._name, partition=partition, reason=reason
                )
            end_if_cancelled()
            if _monotonic() - started > self._around.backoff[1]:
                pauses = doubling(*self._around.backoff)
            await asyncio.sleep(next(pauses) * self._around.chance.uniform(0.5, 1.0))
