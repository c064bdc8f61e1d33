"""A manager in this process: an owner for each partition that the group gives us."""

import asyncio
from typing import Generic, NoReturn, TypeVar

import structlog

from bus import LogReplaced
from events.envelope import events_topic
from events.values import Context
from managers.runtime.folding import PartitionBroken
from managers.runtime.groups import end_if_cancelled, first
from managers.runtime.manager import Manager
from managers.runtime.owner import Owner
from managers.runtime.surroundings import Surroundings

S = TypeVar("S")
W = TypeVar("W")

_log = structlog.get_logger()

_HOPELESS = (PartitionBroken, LogReplaced)
"""What another takeover would meet again: stop, and say so loudly."""


class Service(Generic[S, W]):
    """Keeps owners in line with membership; any number of processes may run one each."""

    def __init__(self, manager: Manager[S, W], around: Surroundings) -> None:
        self._manager, self._around = manager, around
        self._owners: dict[int, asyncio.Task[None]] = {}
        self._at_work: dict[int, Owner[S, W]] = {}
        self.broken: dict[int, str] = {}
        """Partitions that are ours and were given up, and why."""

    @property
    def context(self) -> Context:
        return self._manager.context

    @property
    def owned(self) -> frozenset[int]:
        """The partitions that this process writes; not those that it has given up."""
        return frozenset(self._owners.keys() - self.broken.keys())

    @property
    def since(self) -> float | None:
        """When the newest of them was ready, in seconds since the epoch; None: one is not yet."""
        ready = [self._at_work[one].since if one in self._at_work else None for one in self.owned]
        return max((at for at in ready if at is not None), default=None) if all(ready) else None

    async def behind(self) -> int:
        """How many records of their sources they have not decided about; raises `LogError`."""
        return sum([await owner.behind() for owner in [*self._at_work.values()]])

    async def run(self) -> NoReturn:
        """Take part until cancelled; hands over its partitions on leaving."""
        topic = events_topic(self._manager.context)
        group = f"vestec.{self._manager.context}"
        async with (
            self._around.log.membership(group, topic) as member,
            asyncio.TaskGroup() as tasks,
        ):
            owned: frozenset[int] = frozenset()
            while True:
                owned = await member.changed(owned)
                await self._stop(self._owners.keys() - owned)
                for partition in sorted(owned - self._owners.keys()):
                    name = f"{self._manager.context}/{partition}"
                    self._owners[partition] = tasks.create_task(self._own(partition), name=name)

    async def _stop(self, partitions: set[int]) -> None:
        stopped = [self._owners.pop(partition) for partition in partitions]
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)
        for partition in partitions:
            self.broken.pop(partition, None)
            self._at_work.pop(partition, None)

    async def _own(self, partition: int) -> None:
        """Take over, again and again: any doubt has this one answer."""
        shortest, longest = self._around.backoff
        wait = shortest
        while True:
            started = self._around.wall()
            owner = Owner(self._manager, partition, self._around)
            self._at_work[partition] = owner
            try:
                await owner.run()
            except Exception as error:
                cause = first(error)
                if isinstance(cause, _HOPELESS):
                    self.broken[partition] = str(cause)
                    _log.critical(
                        "partition stopped",
                        context=str(self._manager.context),
                        partition=partition,
                        exc_info=cause,
                        **(cause.ids if isinstance(cause, PartitionBroken) else {}),
                    )
                    return
                _log.warning(
                    "taking over again",
                    context=str(self._manager.context),
                    partition=partition,
                    reason=f"{type(cause).__name__}: {cause}",
                )
            end_if_cancelled()
            wait = shortest if self._around.wall() - started > longest else min(2 * wait, longest)
            await asyncio.sleep(wait * self._around.chance.uniform(0.5, 1.0))
