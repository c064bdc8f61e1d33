"""The hands of the Machine Interface: what its state says is under way is done on the machine.

Work that fails is tried again with growing pauses until it succeeds, and what hinders it is told
once: it is said of the job, and of the machine, until the work is done.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from events.jobs import JobRequest, RelativePath, Token
from events.machines import MachineSettings, StartEstimate
from events.operations import JobTask
from events.prose import cut
from events.simulations import MOST_NAMED
from events.values import Blob, Context
from interfaces.machines.batch import BatchSystem
from interfaces.machines.budget import Spent
from interfaces.machines.connection import (
    CommandFailed,
    FileMissing,
    FileUnfit,
    MachineError,
    NoRoom,
)
from interfaces.machines.work.bringing import bring, noticing_room
from interfaces.machines.work.checkup import check_up, unreachable
from interfaces.machines.work.look_out import LOOK, Agents, AgentsLookOut, no_agents
from interfaces.machines.work.machine import Connect, Machine, Manners
from interfaces.machines.work.watch import MachineWatch
from managers.blobs import BlobStore
from managers.operations import (
    Cancel,
    CancelTaken,
    CheckedUp,
    CheckUp,
    Collect,
    Estimate,
    Estimated,
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
from managers.runtime import Assignment, Chain, Failure, TaskWork, Work, crash_point, hand_over
from managers.runtime.manager import Input, Tell

Complain = Callable[[str], bool]
"""Told why something fails; of nothing, it tells whether it had failed."""


@dataclass(frozen=True)
class Fetching:
    """What fetching one result may take."""

    limit: int = 2 << 30
    """Bytes."""
    deadline: float = 600.0
    """Seconds in which nothing of it comes; after them it is tried again."""


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
                complain = _of_job(job, JobTask.CANCEL, tell)
                work = partial(self._cancel, machine, job, tell, complain)
            case Hold(job):
                task = JobTask.HOLD if job.holding else JobTask.RELEASE
                complain = _of_job(job, task, tell)
                work = partial(self._hold, machine, job, tell, complain)
            case Collect(job):
                complain = _of_job(job, JobTask.COLLECT, tell)
                work = partial(self._collect, machine, job, tell, complain)
            case Remove(token, folder):
                complain = _complaint(token, folder.hindered, JobTask.REMOVE, tell)
                removal = partial(self._remove, machine, token, tell, complain)
                chain = Chain(folder.incident, folder.correlation)
                return TaskWork(removal, cause, chain, partial(_failed, failed, complain))
            case Estimate(id, request):
                asking = partial(self._estimate, machine, id, request, tell)
                return TaskWork(asking, cause, failed=failed)
            case CheckUp(check):
                return TaskWork(partial(self._check, machine, check, tell), cause, failed=failed)
        chain = Chain(job.incident, job.correlation)
        return TaskWork(work, cause, chain, partial(_failed, failed, complain))

    def shell_startup(self) -> dict[str, float]:
        """Seconds that a shell took to start, of each machine where that was seen."""
        seen = {name: machine.shell_startup for name, machine in self._watched()}
        return {name: seconds for name, seconds in seen.items() if seconds is not None}

    def spent(self) -> dict[str, Spent]:
        """What was spent of each machine's budget of commands."""
        return {name: machine.budget.spent for name, machine in self._watched()}

    def failing(self) -> dict[str, Failure]:
        """What is tried again and again on machines, each machine's as one."""
        found = {name: machine.failing for name, machine in self._watched()}
        return {name: failure for name, failure in found.items() if failure}

    def _watched(self) -> Iterator[tuple[str, Machine]]:
        return (one for one in self._machines.items() if one[1].watched)

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
            found = await check_up(batch, machine.settings.connection, check, machine.learned)
        await hand_over(
            tell, CheckedUp(check, found), lambda why: CheckedUp(check, unreachable(why))
        )

    async def _estimate(self, machine: Machine, id: UUID, request: JobRequest, tell: Tell) -> None:
        """Asked once: who wants to know it asks again."""
        try:
            found = await (await machine.batch()).estimate(request)
        except MachineError as error:
            estimate = StartEstimate(id=id, failed=cut(str(error)))
        else:
            never = cut(found.impossible)
            estimate = StartEstimate(id=id, start=found.start, impossible=never)
        await hand_over(tell, Estimated(estimate))

    async def _cancel(self, machine: Machine, job: Job, tell: Tell, complain: Complain) -> None:
        async def cancel(batch: BatchSystem) -> None:
            crash_point("before cancel")
            try:
                async with noticing_room(machine, tell):
                    await batch.cancel(job.token, job.job_id)
            except NoRoom:
                if not job.is_all_there:
                    raise
            crash_point("after cancel")

        await machine.persist(cancel, complain)
        await hand_over(tell, CancelTaken(job.token, job.settled))

    async def _remove(self, machine: Machine, token: Token, tell: Tell, complain: Complain) -> None:
        async def retire(batch: BatchSystem) -> None:
            await batch.retire(token)

        await machine.persist(retire, complain)
        await hand_over(tell, FolderGone(token))

    async def _hold(self, machine: Machine, job: Job, tell: Tell, complain: Complain) -> None:
        token, held = job.token, job.holding is True

        async def wish(batch: BatchSystem) -> Input:
            try:
                await (batch.hold(token) if held else batch.release(token))
            except CommandFailed as refused:
                return HoldTurnedDown(token, held, cut(str(refused)))
            return HoldTaken(token, held)

        await hand_over(tell, await machine.persist(wish, complain))

    async def _collect(self, machine: Machine, job: Job, tell: Tell, complain: Complain) -> None:
        token, found = job.token, dict[str, Blob | str]()
        crash_point("before fetch")
        for name in job.collecting:
            fetch = partial(self._fetch, token=token, name=name)
            found[name] = await machine.persist(fetch, complain)
        crash_point("after fetch")
        outputs = {name: blob for name, blob in found.items() if isinstance(blob, Blob)}
        missing = {name: why for name, why in found.items() if isinstance(why, str)}
        reason = "; ".join(f"{name} is not fetched: {why}" for name, why in missing.items() if why)

        def none(why: str) -> OutputsStored:
            return OutputsStored(token, {}, job.collecting[:MOST_NAMED], f"none is kept: {why}")

        await hand_over(tell, OutputsStored(token, outputs, [*missing], cut(reason)), none)

    async def _fetch(self, batch: BatchSystem, token: Token, name: RelativePath) -> Blob | str:
        """The result, or why there is none, now or later; empty: it was never written."""
        try:
            async with asyncio.timeout(self._fetching.deadline) as patience:
                stream = batch.fetch(token, name, self._fetching.limit)
                return await self._blobs.put_stream(self._noticed(stream, patience))
        except FileMissing:
            return ""
        except FileUnfit as unfit:
            return str(unfit)
        except TimeoutError:
            late = f"{name} is not fetched: nothing of it came for {self._fetching.deadline:g} s"
            raise MachineError(late) from None

    async def _noticed(
        self, chunks: AsyncIterator[bytes], patience: asyncio.Timeout
    ) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            patience.reschedule(asyncio.get_running_loop().time() + self._fetching.deadline)
            yield chunk


def _failed(failed: Callable[[str], object], complain: Complain, reason: str) -> None:
    """Work raised, and begins again; or (without a reason) it has ended."""
    failed(reason)
    if reason:
        complain(reason)


def _of_job(job: Job, task: JobTask, tell: Tell) -> Complain:
    return _complaint(job.token, job.hindered.get(task), task, tell)


def _complaint(token: Token, known: str | None, task: JobTask, tell: Tell) -> Complain:
    """Tells why a task fails, unless that is known; of nothing, it tells whether it had failed."""

    def complain(reason: str) -> bool:
        nonlocal known
        was, known = known, cut(reason)
        if known and known != was:
            tell(TaskFails(token, task, known))
        return bool(was)

    return complain
