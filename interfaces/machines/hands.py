"""The hands of the Machine Interface: what its state says is under way is done on the machine.

Work that fails is tried again with growing pauses until it succeeds, and what hinders it is told
once: it is said of the job, and of the machine, until the work is done.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from events.jobs import JobRequest, RelativePath, Token
from events.machines import MachineSettings, StartEstimate
from events.operations import JobTask
from events.prose import cut
from events.values import Blob, Context
from interfaces.machines.batch import BatchSystem
from interfaces.machines.bringing import bring, noticing_room
from interfaces.machines.budget import Spent
from interfaces.machines.checkup import check_up, unreachable
from interfaces.machines.connection import (
    CommandFailed,
    FileMissing,
    FileUnfit,
    MachineError,
    NoRoom,
)
from interfaces.machines.look_out import LOOK, Agents, AgentsLookOut, no_agents
from interfaces.machines.machine import Connect, Machine, Manners
from interfaces.machines.watch import MachineWatch
from managers.blobs import BlobStore
from managers.operations import (
    Cancel,
    CancelTaken,
    CheckedUp,
    CheckUp,
    Collect,
    Estimate,
    Estimated,
    Folder,
    FolderGone,
    Hold,
    HoldTaken,
    HoldTurnedDown,
    Job,
    LookOut,
    MachineJobs,
    OutputsStored,
    Remove,
    Submit,
    Task,
    TaskFails,
    Watch,
)
from managers.runtime import Assignment, Chain, Failure, TaskWork, Work, crash_point
from managers.runtime.manager import Input, Tell


@dataclass(frozen=True)
class Fetching:
    """What fetching one result may take."""

    limit: int = 2 << 30
    """Bytes."""
    deadline: float = 600.0
    """Seconds; after them it is tried again."""


class MachineHands:
    """Everything that is done on the machines whose partitions this process owns."""

    def __init__(
        self,
        blobs: BlobStore,
        connect: Connect,
        manners: Callable[[MachineSettings], Manners] = lambda _: Manners(),
        fetching: Fetching | None = None,
        chance: random.Random | None = None,
        agents: Agents = no_agents,
        look_out: float = LOOK,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`agents` tells which are alive, and is asked every `look_out` seconds."""
        self._blobs, self._connect, self._manners = blobs, connect, manners
        self._fetching = fetching or Fetching()
        self._chance = chance or random.Random(0)
        self._agents, self._look_out = agents, look_out
        self._wall = wall
        self._machines: dict[str, Machine] = {}

    def begin(self, assigned: Assignment[MachineJobs, Task]) -> Work[Task]:
        """Start a piece of work on a machine."""
        if isinstance(assigned.item, LookOut):
            looking = (assigned.item.machine, self._agents, assigned.tell, self._look_out)
            return AgentsLookOut(*looking)
        assert assigned.state.settings is not None
        machine, tell = self._machine(assigned.state.settings), assigned.tell
        machine.learn(assigned.state.learned)
        machine.has_room(not assigned.state.full)
        cause = f"{Context.OPERATIONS}.work/{assigned.key}/{assigned.name}"
        failed = partial(machine.tried, what=assigned.name)
        match assigned.item:
            case Watch(jobs):
                if jobs.reachable is not None:
                    machine.budget.use_up(asyncio.get_running_loop().time())
                return MachineWatch(machine, jobs, tell)
            case Submit(job):
                complain = _of_job(job, JobTask.SUBMIT, tell)
                work = partial(bring, machine, job, self._blobs, tell, complain)
            case Cancel(job):
                work = partial(self._cancel, machine, job, tell)
            case Hold(job):
                work = partial(self._hold, machine, job, tell)
            case Collect(job):
                work = partial(self._collect, machine, job, tell)
            case Remove(token, folder):
                removal = partial(self._remove, machine, token, folder, tell)
                return TaskWork(removal, cause, Chain(folder.incident, folder.correlation), failed)
            case Estimate(id, request):
                asking = partial(self._estimate, machine, id, request, tell)
                return TaskWork(asking, cause, failed=failed)
            case CheckUp(check):
                return TaskWork(partial(self._check, machine, check, tell), cause, failed=failed)
        return TaskWork(work, cause, Chain(job.incident, job.correlation), failed)

    def shell_startup(self) -> dict[str, float]:
        """Seconds that a shell took to start, of each machine where that was seen."""
        seen = {name: machine.shell_startup for name, machine in self._machines.items()}
        return {name: seconds for name, seconds in seen.items() if seconds is not None}

    def spent(self) -> dict[str, Spent]:
        """What was spent of each machine's budget of commands."""
        return {name: machine.budget.spent for name, machine in self._machines.items()}

    def failing(self) -> dict[str, Failure]:
        """What is tried again and again on machines, each machine's as one."""
        found = {name: machine.failing for name, machine in self._machines.items()}
        return {name: failure for name, failure in found.items() if failure}

    def _machine(self, settings: MachineSettings) -> Machine:
        before = self._machines.get(settings.name)
        if before is not None and before.settings == settings:
            return before
        machine = self._machines[settings.name] = Machine(
            settings,
            self._connect,
            self._manners(settings),
            self._chance,
            self._wall,
            before,
        )
        return machine

    async def _check(self, machine: Machine, check: UUID, tell: Tell) -> None:
        try:
            batch = await machine.batch()
        except MachineError as error:
            found = unreachable(str(error))
        else:
            found = await check_up(batch, machine.settings.connection, check)
        tell(CheckedUp(check, found))

    async def _estimate(self, machine: Machine, id: UUID, request: JobRequest, tell: Tell) -> None:
        """Asked once: who wants to know it asks again."""
        try:
            found = await (await machine.batch()).estimate(request)
        except MachineError as error:
            estimate = StartEstimate(id=id, failed=cut(str(error)))
        else:
            never = cut(found.impossible)
            estimate = StartEstimate(id=id, start=found.start, impossible=never)
        tell(Estimated(estimate))

    async def _cancel(self, machine: Machine, job: Job, tell: Tell) -> None:
        async def cancel(batch: BatchSystem) -> None:
            crash_point("before cancel")
            try:
                with noticing_room(machine, tell):
                    await batch.cancel(job.token, job.job_id)
            except NoRoom:
                if not job.is_all_there:
                    raise
            crash_point("after cancel")

        await machine.persist(cancel, _of_job(job, JobTask.CANCEL, tell))
        tell(CancelTaken(job.token))

    async def _remove(self, machine: Machine, token: Token, folder: Folder, tell: Tell) -> None:
        async def retire(batch: BatchSystem) -> None:
            await batch.retire(token)

        known = folder.hindered
        await machine.persist(retire, _complaint(token, known, JobTask.REMOVE, tell))
        tell(FolderGone(token))

    async def _hold(self, machine: Machine, job: Job, tell: Tell) -> None:
        token, held = job.token, job.holding is True

        async def wish(batch: BatchSystem) -> Input:
            try:
                await (batch.hold(token) if held else batch.release(token))
            except CommandFailed as refused:
                return HoldTurnedDown(token, held, cut(str(refused)))
            return HoldTaken(token, held)

        task = JobTask.HOLD if held else JobTask.RELEASE
        tell(await machine.persist(wish, _of_job(job, task, tell)))

    async def _collect(self, machine: Machine, job: Job, tell: Tell) -> None:
        token, found = job.token, dict[str, Blob | str]()
        crash_point("before fetch")
        for name in job.collecting:
            fetch = partial(self._fetch, token=token, name=name)
            found[name] = await machine.persist(fetch, _of_job(job, JobTask.COLLECT, tell))
        crash_point("after fetch")
        outputs = {name: blob for name, blob in found.items() if isinstance(blob, Blob)}
        missing = {name: why for name, why in found.items() if isinstance(why, str)}
        reason = "; ".join(f"{name} is not fetched: {why}" for name, why in missing.items() if why)
        tell(OutputsStored(token, outputs, [*missing], reason))

    async def _fetch(self, batch: BatchSystem, token: Token, name: RelativePath) -> Blob | str:
        """The result, or why there is none, now or later; empty: it was never written."""
        try:
            async with asyncio.timeout(self._fetching.deadline):
                stream = batch.fetch(token, name, self._fetching.limit)
                return await self._blobs.put_stream(stream)
        except FileMissing:
            return ""
        except FileUnfit as unfit:
            return str(unfit)
        except TimeoutError:
            late = f"{name} was not fetched within {self._fetching.deadline:g} s"
            raise MachineError(late) from None


def _of_job(job: Job, task: JobTask, tell: Tell) -> Callable[[str], bool]:
    return _complaint(job.token, job.hindered.get(task), task, tell)


def _complaint(token: Token, known: str | None, task: JobTask, tell: Tell) -> Callable[[str], bool]:
    """Tells why a task fails, unless that is known; of nothing, it tells whether it had failed."""

    def complain(reason: str) -> bool:
        nonlocal known
        was, known = known, cut(reason)
        if known and known != was:
            tell(TaskFails(token, task, known))
        return bool(was)

    return complain
