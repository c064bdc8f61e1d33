"""Looking at a machine and its jobs, and telling what is new: one question for all of them."""

import asyncio

from events.jobs import JobReport, JobState, Token, Witness
from events.machines import MachineLoad
from events.prose import cut
from interfaces.machines.batch import BatchSystem
from interfaces.machines.connection import MachineError
from interfaces.machines.machine import Machine
from managers.operations import Job, JobsSeen, MachineJobs, MachineLooked, Task, Watch, is_news
from managers.runtime import TaskWork
from managers.runtime.manager import Tell

_WITH_STDERR = (JobState.FAILED, JobState.TIMEOUT)


class MachineWatch:
    """Work that never ends by itself."""

    def __init__(self, machine: Machine, jobs: MachineJobs, tell: Tell) -> None:
        self._machine, self._jobs, self._tell = machine, jobs, tell
        self._wake = asyncio.Event()
        self._asked: float | None = None
        self._refreshed = _refreshes(jobs)
        self._task = TaskWork[Task](self._run, f"watch {machine.settings.name}")

    def update(self, item: Task) -> None:
        assert isinstance(item, Watch)
        jobs, self._jobs = self._jobs, item.machine
        if self._jobs.jobs.keys() - jobs.jobs.keys() or _refreshes(self._jobs) != self._refreshed:
            self._wake.set()

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
