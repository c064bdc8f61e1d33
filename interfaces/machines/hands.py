"""The hands of the Machine Interface: what its state says is under way is done on the machine.

A machine that cannot be reached is a fact about the machine: it is told once, and the work waits.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from events.jobs import JobReport, JobState, RelativePath, Token, Witness
from events.machines import MachineLoad, MachineSettings
from events.prose import cut
from events.values import Blob
from interfaces.machines.batch import BatchSystem
from interfaces.machines.connection import FileMissing, MachineError
from interfaces.machines.dialect import Doubt, Submitted
from managers.blobs import BlobStore
from managers.operations import (
    CancelTaken,
    Job,
    JobsSeen,
    MachineJobs,
    MachineLooked,
    OutputsStored,
    SubmissionAbsent,
    SubmissionAnswered,
    SubmissionInDoubt,
    SubmissionTurnedDown,
    Task,
    is_news,
)
from managers.runtime import Assignment, TaskWork, Work, crash_point
from managers.runtime.manager import Input

R = TypeVar("R")
Assigned = Assignment[MachineJobs, MachineJobs]

_log = structlog.get_logger()

_WITH_STDERR = (JobState.FAILED, JobState.TIMEOUT)


@dataclass(frozen=True)
class Manners:
    """How often a machine is asked; seconds."""

    look: float = 2.0
    """Between two looks at what the wrappers wrote."""
    ask: float = 60.0
    """Between two questions to the scheduler."""
    retry: tuple[float, float] = (0.5, 30.0)
    """Between two tries of what failed: the first, and the longest."""


class MachineHands:
    """Everything that is done on the machines whose partitions this process owns."""

    def __init__(
        self,
        blobs: BlobStore,
        connect: Callable[[MachineSettings], BatchSystem],
        manners: Callable[[MachineSettings], Manners] = lambda _: Manners(),
    ) -> None:
        self._blobs, self._connect, self._manners = blobs, connect, manners
        self._machines: dict[str, _Machine] = {}

    def begin(self, assigned: Assigned) -> Work[MachineJobs]:
        """Start a piece of work on a machine."""
        settings = assigned.state.settings
        assert settings is not None
        machine = self._machines.get(settings.name)
        if machine is None or machine.settings != settings:
            machine = _Machine(settings, self._connect, self._manners(settings))
            self._machines[settings.name] = machine
        task, *rest = assigned.name.split()
        match Task(task):
            case Task.WATCH:
                return _Watch(machine, assigned)
            case Task.SUBMIT:
                do = self._submit
            case Task.CANCEL:
                do = self._cancel
            case Task.COLLECT:
                do = self._collect
        work = partial(do, machine, assigned, Token(rest[0]))
        return TaskWork(work, f"{settings.name} {assigned.name}")

    async def _submit(self, machine: "_Machine", assigned: Assigned, token: Token) -> None:
        """Submit; in doubt repeat the same attempt, which never goes out twice, and look it up."""
        job = assigned.state.jobs[token]

        async def submit(batch: BatchSystem) -> Input:
            inputs = {name: self._blobs.stream(blob) for name, blob in job.inputs.items()}
            await batch.prepare(token, inputs)
            crash_point("before submission")
            answer = await batch.submit(job.request, job.attempt)
            crash_point("after submission")
            if isinstance(answer, Submitted):
                return SubmissionAnswered(token, job.attempt, answer.job_id)
            if not answer.permanent:
                raise MachineError(f"not taken now: {answer.reason}")
            return SubmissionTurnedDown(token, job.attempt, answer.reason)

        async def look(batch: BatchSystem) -> JobReport | None:
            return (await batch.find([token])).get(token)

        clock = asyncio.get_running_loop().time
        until: float | None = None
        while True:
            try:
                assigned.tell(await machine.persist(submit))
                return
            except Doubt as doubt:
                if until is None:
                    await assigned.tell(SubmissionInDoubt(token, job.attempt, str(doubt)))
                until = min(until or math.inf, clock() + doubt.wait)
            over = clock() >= until
            if report := await machine.persist(look):
                assigned.tell(JobsSeen([report]))
                return
            if over:  # an empty answer is proof of absence only now
                assigned.tell(SubmissionAbsent(token, job.attempt))
                return
            await asyncio.sleep(machine.manners.look)

    async def _cancel(self, machine: "_Machine", assigned: Assigned, token: Token) -> None:
        job_id = assigned.state.jobs[token].job_id

        async def cancel(batch: BatchSystem) -> None:
            crash_point("before cancel")
            await batch.cancel(token, job_id)
            crash_point("after cancel")

        await machine.persist(cancel)
        assigned.tell(CancelTaken(token))

    async def _collect(self, machine: "_Machine", assigned: Assigned, token: Token) -> None:
        names = assigned.state.jobs[token].collecting

        async def fetch(batch: BatchSystem) -> dict[str, Blob]:
            crash_point("before fetch")
            found = {name: await self._fetch(batch, token, name) for name in names}
            return {name: blob for name, blob in found.items() if blob}

        outputs = await machine.persist(fetch)
        crash_point("after fetch")
        missing = [name for name in names if name not in outputs]
        assigned.tell(OutputsStored(token, outputs, missing))

    async def _fetch(self, batch: BatchSystem, token: Token, name: RelativePath) -> Blob | None:
        try:
            return await self._blobs.put_stream(batch.fetch(token, name))
        except FileMissing:
            return None


class _Machine:
    """One connection to a machine, shared by all work on it, opened when first needed."""

    def __init__(
        self,
        settings: MachineSettings,
        connect: Callable[[MachineSettings], BatchSystem],
        manners: Manners,
    ) -> None:
        self.settings, self.manners = settings, manners
        self._connect = connect
        self._stack = AsyncExitStack()
        self._batch: BatchSystem | None = None
        self._opening = asyncio.Lock()

    async def batch(self) -> BatchSystem:
        """Raises `MachineError` where settings are wrong, too."""
        async with self._opening:
            if self._batch is None:
                batch = self._connect(self.settings)
                self._batch = await self._stack.enter_async_context(batch)
            return self._batch

    async def persist(self, action: Callable[[BatchSystem], Awaitable[R]]) -> R:
        """Do it, again and again while the machine fails to answer; raises `Doubt` only."""
        wait, longest = self.manners.retry
        while True:
            try:
                return await action(await self.batch())
            except Doubt:
                raise
            except MachineError as error:
                _log.warning("machine", machine=self.settings.name, error=str(error))
            await asyncio.sleep(wait)
            wait = min(2 * wait, longest)

    async def close(self) -> None:
        async with self._opening:
            self._batch = None
            await self._stack.aclose()


class _Watch:
    """Looks at a machine's jobs and tells what is new; one question for all of them."""

    def __init__(self, machine: _Machine, assigned: Assigned) -> None:
        self._machine, self._tell, self._jobs = machine, assigned.tell, assigned.item
        self._wake = asyncio.Event()
        self._asked: float | None = None
        self._refreshed = _refreshes(assigned.item)
        self._task = TaskWork[MachineJobs](self._run, f"watch {machine.settings.name}")

    def update(self, item: MachineJobs) -> None:
        if item.jobs.keys() - self._jobs.jobs.keys() or _refreshes(item) != self._refreshed:
            self._wake.set()
        self._jobs = item

    def stop(self) -> None:
        self._task.stop()

    async def _run(self) -> None:
        try:
            while True:
                await self._look()
                await self._pause()
        finally:
            await self._machine.close()

    async def _pause(self) -> None:
        busy = any(not job.submitting for job in self._jobs.jobs.values())
        manners = self._machine.manners
        self._wake.clear()
        try:
            async with asyncio.timeout(manners.look if busy else manners.ask):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        try:
            batch = await self._machine.batch()
            load = await self._load(batch)
            reports = await self._observe(batch)
        except MachineError as error:
            await self._tell(MachineLooked(reachable=False, reason=str(error)))
        else:
            if load or not self._jobs.reachable:
                await self._tell(MachineLooked(reachable=True, load=load or self._jobs.load))
            if reports:
                await self._tell(JobsSeen(reports))

    async def _load(self, batch: BatchSystem) -> MachineLoad | None:
        """Asked as often as the scheduler is."""
        if not self._ask_now():
            return None
        if not self._jobs.reachable:
            await batch.check()
        seen = await batch.load()
        return MachineLoad(
            nodes=seen.nodes_total,
            nodes_used=seen.nodes_used,
            running=seen.running,
            queued=seen.queued,
        )

    async def _observe(self, batch: BatchSystem) -> list[JobReport]:
        jobs = {t: job for t, job in self._jobs.jobs.items() if not job.submitting and _open(job)}
        ask, now = self._ask_now(), asyncio.get_running_loop().time()
        if ask:
            self._asked, self._refreshed = now, _refreshes(self._jobs)
        seen = await batch.observe(list(jobs), ask_scheduler=ask)
        news = [report for report in seen if is_news(jobs[report.token], report)]
        if ask:
            known = {report.token for report in seen if not _gone_without_a_word(report)}
            news += await self._vanished(batch, [token for token in jobs if token not in known])
        return [await self._with_stderr(batch, report) for report in news]

    def _ask_now(self) -> bool:
        since = asyncio.get_running_loop().time() - (self._asked or 0.0)
        refresh = _refreshes(self._jobs) != self._refreshed
        return self._asked is None or refresh or since >= self._machine.manners.ask

    async def _vanished(self, batch: BatchSystem, gone: list[Token]) -> list[JobReport]:
        """`LOST` is what folder, queue and accounts know no end of, even after their lag."""
        if not gone:
            return []
        await asyncio.sleep(batch.lag)
        found = await batch.find(gone)
        reason = "neither its folder nor the queue nor the accounts of the machine know its end"
        return [
            JobReport(token=token, state=JobState.LOST, witness=Witness.QUEUE, reason=reason)
            for token in gone
            if token not in found or _gone_without_a_word(found[token])
        ]

    async def _with_stderr(self, batch: BatchSystem, report: JobReport) -> JobReport:
        if report.state not in _WITH_STDERR:
            return report
        tail = (await batch.stderr_tail(report.token)).strip()
        reason = "; stderr ends: ".join(part for part in (report.reason, tail[-1000:]) if part)
        return report.model_copy(update={"reason": cut(reason)})


def _gone_without_a_word(report: JobReport) -> bool:
    """See `BatchSystem.find`."""
    ending = report.state == JobState.ENDING and report.witness == Witness.QUEUE
    return ending and report.exit_code is None


def _open(job: Job) -> bool:
    """Whether anything is still to be learned of the job."""
    report = job.report
    return report is None or not report.state.ended or report.state == JobState.LOST


def _refreshes(machine: MachineJobs) -> int:
    return sum(job.refresh for job in machine.jobs.values())
