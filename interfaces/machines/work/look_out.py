"""Whether any process is alive that a machine names: who decides about it sees to that."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from events.machines import StartEstimate
from events.values import Context
from interfaces.machines.work.checkup import unreachable
from managers.operations import CheckedUp, Estimated, LookOut, MachineJobs, MachineLooked, Task
from managers.runtime import TaskWork, hand_over
from managers.runtime.manager import Tell
from projections.database import UNAVAILABLE

LOOK = 5.0
"""Seconds between two looks."""
_MISSING = 2
"""Looks in a row at which no agent was alive, before anybody is told."""

Agents = Callable[[], Awaitable[Collection[str]]]
"""The names of those that are alive."""


async def no_agents() -> Collection[str]:
    """Where there is nobody to ask."""
    return ()


class AgentsLookOut:
    """Work that never ends by itself: the machine is unreachable while no agent of it is alive.

    Who waits for a check or an estimate is told so.
    """

    def __init__(self, machine: MachineJobs, agents: Agents, tell: Tell, look: float) -> None:
        self._machine, self._agents, self._tell, self._look = machine, agents, tell, look
        self._task = TaskWork[Task](self._run, f"{Context.OPERATIONS}.work/agents")

    def update(self, item: Task) -> None:
        assert isinstance(item, LookOut)
        self._machine = item.machine

    def stop(self) -> None:
        self._task.stop()

    async def _run(self) -> None:
        missing = 0
        while True:
            await asyncio.sleep(self._look)
            with suppress(*UNAVAILABLE, TimeoutError):
                alive = await self._agents()
                named = self._machine.settings.agents if self._machine.settings else ()
                missing = 0 if {*named} & {*alive} else missing + 1
                if missing >= _MISSING:
                    await self._say(named)

    async def _say(self, named: Collection[str]) -> None:
        reason = (
            f"no agent of it is alive ({', '.join(named)}): vestec run machine-interface --agent"
            f" {next(iter(named))}, where the machine admits it"
        )
        if (self._machine.reachable, self._machine.reason) != (False, reason):
            await hand_over(self._tell, MachineLooked(False, reason))
        if self._machine.check is not None:
            await hand_over(self._tell, CheckedUp(self._machine.check, unreachable(reason)))
        for id in self._machine.estimates:
            await hand_over(self._tell, Estimated(StartEstimate(id=id, failed=reason)))
