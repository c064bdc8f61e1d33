"""Looking at a machine and its jobs, and telling what is new: one question for all of them.

What wrappers write is heard whether or not the scheduler answers, and while it takes its time.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import structlog

from bus.tasks import end
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
from interfaces.machines.work.accounted import Accounted
from interfaces.machines.work.machine import Machine
from interfaces.machines.work.questions import (
    Questions,
    followed,
    heard_parts,
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

R = TypeVar("R")
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
        self._deaf = False
        """Whether not even its shell answers, as far as is known."""
        self._telling = asyncio.Lock()
        self._accounted = Accounted()
        cause = f"{Context.OPERATIONS}.work/{machine.settings.name}/watch"
        self._task = TaskWork[Task](self._run, cause, failed=partial(machine.tried, what=cause))

    def update(self, item: Task) -> None:
        assert isinstance(item, Watch)
        was, self._jobs = self._jobs, item.machine
        self._machine.learn(self._jobs.learned)
        new = followed(self._jobs).keys() - followed(was).keys()
        if new or self._questions.until_wished(self._jobs) <= 0:
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
        machine, manners = self._machine, self._machine.manners
        busy = bool(followed(self._jobs) or machine.late) and not self._deaf
        pause = manners.look if busy else max(manners.ask, manners.ask_least)
        if self._failures:
            pause = min(pause, self._questions.rest())
        else:
            pause = min(pause, max(manners.look, self._questions.until_wished(self._jobs)))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await machine.wake.wait()

    async def _look(self) -> None:
        """Jobs come first: they are followed though nobody understands what the load is."""
        load, notice = self._jobs.load, self._jobs.notice
        in_turn = self._questions.in_turn(self._jobs)
        asks = in_turn or self._questions.out_of_turn(self._jobs)
        if not asks and not self._jobs.reachable:  # only the scheduler's answer would change that
            self._deaf = not await self._heard()
            return
        try:
            batch = await self._machine.batch()
            if asks:
                load, notice = await self._beside(self._ask(batch, in_turn))
            else:
                await self._hear(batch)
        except Exception as error:
            if not isinstance(error, MachineError):
                _log.exception("machine", machine=self._machine.settings.name)
            self._failures = min(self._failures + 1, _MOST_FAILURES)
            self._deaf = not asks or isinstance(error, Unreachable)
            pause = min(self._machine.manners.look * 2.0**self._failures, self._machine.manners.ask)
            self._questions.rests(self._machine.jittered(pause))
            why, refused = cut(str(error) or repr(error)), isinstance(error, LoginNeeded)
            looked = MachineLooked(False, why, None, refused, notice)
        else:
            self._failures, self._deaf = 0, False
            looked = MachineLooked(True, "", load, False, notice)
        self._machine.tried("" if looked.login_needed else looked.reason)
        jobs = self._jobs
        known = (jobs.reachable, jobs.reason, jobs.load, jobs.login_needed, jobs.notice)
        if (looked.reachable, looked.reason, looked.load, looked.login_needed, notice) != known:
            await self._tell(looked)

    async def _beside(self, asking: Coroutine[Any, Any, R]) -> R:
        """Its result; the wrappers are heard beside it, as long as the machine lets us."""
        task, look = asyncio.create_task(asking), self._machine.manners.look
        try:
            while not (await asyncio.wait([task], timeout=look))[0]:
                if not await self._heard():
                    break
            return await task
        finally:
            await end(task)

    async def _heard(self) -> bool:
        """Whether the wrappers could be heard."""
        try:
            await self._hear(await self._machine.batch())
        except MachineError:
            return False
        return True

    async def _hear(self, batch: BatchSystem) -> None:
        """Tell what is new of what the wrappers wrote."""
        async with self._telling:
            jobs = self._there()
            seen = await batch.observe([p for job in jobs.values() for p in heard_parts(job)])
            await self._report(batch, jobs, [one for one in seen if is_news(jobs[one.token], one)])

    async def _ask(self, batch: BatchSystem, in_turn: bool) -> tuple[MachineLoad | None, str]:
        """Ask the scheduler; how busy it is, and what somebody should know of the machine."""
        silence = await self._ask_of_jobs(batch, in_turn)
        if not in_turn:
            return self._jobs.load, self._jobs.notice
        load, unknown = await self._load(batch)
        await self._try_room(batch)
        return load, cut(batch.notice or silence or unknown)

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

    def _there(self) -> dict[Token, Job]:
        """Jobs that the machine may have, also those whose submissions it does not answer."""
        late = self._machine.late & self._jobs.jobs.keys()
        return followed(self._jobs) | {token: self._jobs.jobs[token] for token in late}

    def _stands(self, job: Job, part: Part) -> bool:
        """Whether nothing was said of it since: an answer may be older than a wrapper's word."""
        now = self._jobs.jobs.get(job.token)
        return now is not None and word_of(now, part) == word_of(job, part)

    async def _ask_of_jobs(self, batch: BatchSystem, in_turn: bool) -> str:
        """Tell what is new of jobs; why it cannot be known of some, if their accounts are away."""
        jobs = {token: job for token, job in self._there().items() if is_open(job.report)}
        self._questions.begins(self._jobs, in_turn=in_turn)
        parts = {part: job for job in jobs.values() for part in open_parts(job)}
        said = await batch.observe(list(parts), ask_scheduler=True)
        found = [one for one in said if not self._accounted.for_too_long(jobs[one.token], one)]
        async with self._telling:
            seen = [one for one in found if self._stands(jobs[one.token], one.part)]
            await self._report(batch, jobs, [one for one in seen if is_news(jobs[one.token], one)])
        if not in_turn:
            return ""
        await self._foresee(seen)
        known = {report.part for report in found if not unexplained(report)}
        gone = {
            part: job
            for part, job in parts.items()
            if part not in known and job.phase is Phase.SETTLED and not is_lost(word_of(job, part))
        }
        try:
            verdicts = await self._vanished(batch, gone)
        except (CommandFailed, NotUnderstood) as error:
            return f"nobody tells what became of {len(gone)} jobs that have vanished: {error}"
        async with self._telling:
            await self._report(batch, jobs, verdicts)
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
        said = await batch.find(list(gone))
        stale = self._accounted.for_too_long
        found = {part: one for part, one in said.items() if not stale(gone[part], one)}
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
