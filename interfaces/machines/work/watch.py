"""Looking at a machine and its jobs, and telling what is new: one question for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain

import structlog

from events.jobs import JobReport, JobState, Part, Token, instance_of
from events.machines import MachineLoad
from events.prose import cut
from events.values import DAY, Context
from interfaces.machines.batch import BatchSystem
from interfaces.machines.connection import (
    CommandFailed,
    LoginNeeded,
    MachineError,
    NotUnderstood,
    Unreachable,
)
from interfaces.machines.work.machine import Machine
from interfaces.machines.work.questions import (
    Questions,
    followed,
    is_lost,
    is_open,
    open_parts,
    refreshes,
    word_of,
)
from interfaces.machines.work.room import RoomTries
from interfaces.machines.work.verdict import unexplained, verdict
from managers.operations import (
    Job,
    JobSeen,
    MachineJobs,
    MachineLooked,
    Phase,
    RoomLooked,
    StartSeen,
    Task,
    Watch,
    is_foreseen_anew,
    is_news,
)
from managers.runtime import TaskWork, hand_over
from managers.runtime.manager import Tell

_MOST_FAILURES = 20
"""In a row, counted for the pause after them."""
_log = structlog.get_logger()
_FAILED = (JobState.FAILED, JobState.TIMEOUT)


class MachineWatch:
    """Work that never ends by itself."""

    def __init__(self, machine: Machine, jobs: MachineJobs, tell: Tell) -> None:
        self._machine, self._jobs, self._tell = machine, jobs, partial(hand_over, tell)
        self._questions = Questions(machine, jobs)
        self._checked: float | None = None
        self._room = RoomTries(machine.manners.ask)
        self._failures = 0
        machine.watched = True
        cause = f"{Context.OPERATIONS}.work/{machine.settings.name}/watch"
        self._task = TaskWork[Task](self._run, cause, failed=partial(machine.tried, what=cause))

    def update(self, item: Task) -> None:
        assert isinstance(item, Watch)
        was, self._jobs = self._jobs, item.machine
        self._machine.learn(self._jobs.learned)
        new = followed(self._jobs).keys() - followed(was).keys()
        if new or self._questions.wished(self._jobs):
            self._machine.wake.set()
        if refreshes(self._jobs) > refreshes(was):
            self._room.wished()
        if self._jobs.full:
            self._machine.room.clear()
        else:
            self._machine.room.set()
        if self._jobs.full and not was.full:
            self._room.filled(_now())

    def stop(self) -> None:
        self._machine.watched = False
        self._task.stop()

    async def _run(self) -> None:
        try:
            while True:
                self._machine.wake.clear()
                await self._look()
                await self._pause()
        finally:
            await self._machine.close()

    async def _pause(self) -> None:
        busy = bool(followed(self._jobs))
        machine, manners = self._machine, self._machine.manners
        pause = manners.look * 2.0**self._failures if busy or self._failures else manners.ask
        if self._failures:
            pause = machine.jittered(min(pause, manners.ask))
            pause = max(pause, self._questions.too_soon())  # the next look asks the scheduler, too
        with suppress(TimeoutError):
            async with asyncio.timeout(min(pause, max(manners.ask, manners.ask_least))):
                await machine.wake.wait()

    async def _look(self) -> None:
        """Jobs come first: they are followed though nobody understands what the load is."""
        load, notice = self._jobs.load, self._jobs.notice
        in_turn = self._questions.in_turn(self._jobs)
        ask = in_turn or self._questions.out_of_turn(self._jobs)
        if not ask and not self._jobs.reachable:
            return  # only an answer of the scheduler's would say more
        try:
            batch = await self._machine.batch()
            silence = await self._follow(batch, ask, in_turn)
            if in_turn:
                load, unknown = await self._load(batch)
                await self._try_room(batch)
                notice = cut(batch.notice or silence or unknown)
        except Exception as error:
            if not isinstance(error, MachineError):
                _log.exception("machine", machine=self._machine.settings.name)
            self._failures = min(self._failures + 1, _MOST_FAILURES)
            why, refused = cut(str(error) or repr(error)), isinstance(error, LoginNeeded)
            looked = MachineLooked(False, why, None, refused, notice)
        else:
            self._failures = 0
            looked = MachineLooked(True, "", load, False, notice)
        self._machine.tried("" if looked.login_needed else looked.reason)
        jobs = self._jobs
        known = (jobs.reachable, jobs.reason, jobs.load, jobs.login_needed, jobs.notice)
        if (looked.reachable, looked.reason, looked.load, looked.login_needed, notice) != known:
            await self._tell(looked)

    async def _load(self, batch: BatchSystem) -> tuple[MachineLoad | None, str]:
        """Asked as often as the scheduler is; and why it is unknown, if it is."""
        if self._checked is None or not self._jobs.reachable or _now() - self._checked > DAY:
            await batch.check()
            self._checked = _now()
        try:
            return await batch.load(), ""
        except (CommandFailed, NotUnderstood) as error:
            return None, f"how busy it is is unknown: {error}"

    async def _try_room(self, batch: BatchSystem) -> None:
        full = bool(self._jobs.full)
        if not self._room.due(_now(), full):
            return
        with suppress(CommandFailed, NotUnderstood):  # it does not tell
            host = await batch.host()
            self._room.tried(_now(), full or bool(host.full))
            if bool(host.full) != full:
                await self._tell(RoomLooked(host.full))

    async def _follow(self, batch: BatchSystem, ask: bool, in_turn: bool) -> str:
        """Tell what is new of jobs; why it cannot be known of some, if their accounts are away."""
        jobs = {token: job for token, job in followed(self._jobs).items() if is_open(job.report)}
        if ask:
            self._questions.begins(self._jobs, in_turn=in_turn)
        parts = {part: job for job in jobs.values() for part in open_parts(job)}
        seen = await batch.observe(list(parts), ask_scheduler=ask)
        news = [one for one in seen if is_news(jobs[one.token], one)]
        await self._report(batch, jobs, news)
        if not in_turn:
            return ""
        await self._foresee(seen)
        known = {report.part for report in seen if not unexplained(report)}
        gone = {
            part: job
            for part, job in parts.items()
            if part not in known and job.phase is Phase.SETTLED and not is_lost(word_of(job, part))
        }
        try:
            await self._report(batch, jobs, await self._vanished(batch, gone))
        except (CommandFailed, NotUnderstood) as error:
            return f"nobody tells what became of {len(gone)} jobs that have vanished: {error}"
        return ""

    async def _report(
        self, batch: BatchSystem, jobs: Mapping[Token, Job], news: list[JobReport]
    ) -> None:
        """The words about one job at once; of an array, one instance that failed says why."""
        reports: dict[Token, list[JobReport]] = {}
        for report in news:
            job, words = jobs[report.token], reports.setdefault(report.token, [])
            earlier = chain(job.instances.values(), words)
            if _surprises(job, report) and not any(_surprises(job, one) for one in earlier):
                report = await self._with_stderr(batch, report)
            words.append(report)
        seen = (JobSeen(first, others) for first, *others in reports.values())
        await asyncio.gather(*map(self._tell, seen))

    async def _foresee(self, seen: Sequence[JobReport]) -> None:
        """Tell when jobs are expected to start; of an array, when the first of its instances is."""
        starts = [(one.expected, one.token) for one in seen if one.expected is not None]
        for token, expected in {token: at for at, token in sorted(starts, reverse=True)}.items():
            job = self._jobs.jobs.get(token)
            if job and is_foreseen_anew(job, expected):
                await self._tell(StartSeen(token, expected))

    async def _vanished(self, batch: BatchSystem, gone: Mapping[Part, Job]) -> list[JobReport]:
        """What nobody explains even after the lag of queue and accounts."""
        if not gone:
            return []
        await asyncio.sleep(batch.lag)
        found = await batch.find(list(gone))
        forgets = batch.forgets_deleted
        verdicts = (
            verdict(job, found.get(part), instance_of(part), forgets_deleted=forgets)
            for part, job in gone.items()
        )
        return [report for report in verdicts if report]

    async def _with_stderr(self, batch: BatchSystem, report: JobReport) -> JobReport:
        try:
            tail = (await batch.stderr_tail(report.part)).strip()
        except Unreachable:
            raise
        except MachineError as error:
            tail = f"(cannot be read: {error})"
        reason = "; stderr ends: ".join(part for part in (report.reason, tail[-1000:]) if part)
        return report.model_copy(update={"reason": cut(reason)})


def _surprises(job: Job, report: JobReport) -> bool:
    """Whether somebody asks why it ended."""
    by_others = report.state is JobState.CANCELLED and not job.unwanted
    return report.state in _FAILED or by_others


def _now() -> float:
    return asyncio.get_running_loop().time()
