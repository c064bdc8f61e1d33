"""A check of one machine, by the process that owns it: with its settings and within its budget.

It asks the login node and the batch system, moves a file, and runs one job of a second whose own
wrapper says whether a compute node sees the base directory. It may be repeated under the same id,
as after a crash: it then goes on with the job that it has there.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid5

from pydantic import JsonValue

from events.checkups import Checkup, Question
from events.jobs import JobReport, JobRequest, JobState, RelativePath, Witness, token_of
from interfaces.machines.batch import BatchSystem
from interfaces.machines.connection import MIB, MachineError
from interfaces.machines.dialect import InDoubt, Refused
from interfaces.machines.site import Site
from interfaces.machines.work.sheet import (
    LATE_STATUS,
    SKEW,
    Sheet,
    about_host,
    about_site,
    about_the_way,
)

T = TypeVar("T")

_FILE = RelativePath("transfer")
_SIZE = 4 * MIB
_UNREADABLE = "see whether our account may read accounts; or say accounting=false in batch"


@dataclass(frozen=True)
class Patience:
    """Seconds."""

    start: float = 120.0
    """For the job to have ended."""
    history: float = 60.0
    """For the accounts to know of it, then."""
    pause: float = 0.5
    """Between two looks."""


async def check_up(
    batch: BatchSystem,
    connection: str,
    check: UUID,
    known: Mapping[str, JsonValue],
    wall: Callable[[], float] = time.time,
    patience: Patience | None = None,
) -> Checkup:
    """All that can be known; raises nothing that the machine does.

    `known` is what earlier checks learned, and `batch` was told.
    """
    return await _Check(batch, connection, check, known, wall, patience or Patience()).run()


def unreachable(reason: str) -> Checkup:
    """What is known of a machine that cannot be spoken to."""
    sheet = Sheet()
    advice = "see the machine's settings, and docs/machines.md"
    sheet.no(Question.CONNECTION, reason, advice)
    if "host key" in reason:
        sheet.no(Question.HOST_KEY, reason, "see docs/machines.md: Who answers, and who we are")
    return sheet.filled_in()


class _Check:
    def __init__(
        self,
        batch: BatchSystem,
        connection: str,
        check: UUID,
        known: Mapping[str, JsonValue],
        wall: Callable[[], float],
        patience: Patience,
    ) -> None:
        self._batch, self._connection = batch, connection
        self._job, self._files = token_of(check), token_of(uuid5(check, "files"))
        self._known = known
        self._wall, self._now = wall, asyncio.get_running_loop().time
        self._patience = patience
        self._sheet = Sheet()
        self._skew = 0.0

    async def run(self) -> Checkup:
        try:
            await self._ask_host()
        except MachineError as error:
            return unreachable(str(error))
        site = await self._ask_site()
        try:
            await self._transfer()
        except MachineError as error:
            self._sheet.no(Question.TRANSFER_RATE, str(error), "see docs/machines.md: files")
        try:
            await self._probe(site)
        except MachineError as error:
            self._sheet.unknown(Question.COMPUTE_NODE, str(error))
            with suppress(MachineError):
                await self._batch.cancel(self._job)
                await self._batch.remove(self._job)
        return self._sheet.filled_in()

    async def _ask_host(self) -> None:
        before = self._wall()
        host = await self._batch.host()
        after = self._wall()
        skew = None
        if host.clock is not None and after - before < SKEW:  # else nobody knows when it was read
            skew = self._skew = host.clock - (before + after) / 2
        about_the_way(self._sheet, self._connection, self._batch.shell_startup)
        about_host(self._sheet, host, skew)

    async def _ask_site(self) -> Site:
        try:
            await self._batch.check()
            site = await self._batch.site()
        except MachineError as error:
            self._sheet.no(Question.SCHEDULER, str(error), "see dialect and batch of its settings")
            return Site()
        self._sheet.judge(Question.SCHEDULER, True if site.version else None, site.version, "")
        about_site(self._sheet, site)
        self._batch.learn({**self._known, **self._sheet.learned})  # new accounts are asked at once
        return site

    async def _transfer(self) -> None:
        """A file to the machine and back, in a folder of its own."""
        data = os.urandom(_SIZE)
        began = self._now()
        try:
            await self._batch.prepare(self._files, {_FILE: _in_chunks(data)})
            there = self._now()
            back = b"".join([chunk async for chunk in self._batch.fetch(self._files, _FILE, _SIZE)])
            ended = self._now()
        finally:
            await self._batch.remove(self._files)
        if back != data:
            self._sheet.no(
                Question.TRANSFER_RATE, "what came back is not what was sent", "see its disks"
            )
            return
        up, down = (_SIZE / MIB / max(took, 1e-3) for took in (there - began, ended - there))
        self._sheet.yes(Question.TRANSFER_RATE, f"{up:.1f} MiB/s there, {down:.1f} MiB/s back")

    async def _probe(self, site: Site) -> None:
        """A job of a second; unless it may still start, its folder is removed afterwards."""
        request = JobRequest(token=self._job, kind="check", executable="sleep 1", walltime=60)
        try:
            await self._batch.prepare(self._job, {})
        except MachineError as error:
            self._sheet.no(
                Question.BASE_DIRECTORY,
                str(error),
                "see that the account may write there, and its quota",
            )
            return
        self._sheet.yes(Question.BASE_DIRECTORY, "we write there")
        try:
            answer = await self._batch.submit(request, 1)
        except InDoubt as doubt:
            await self._batch.cancel(self._job)
            self._sheet.unknown(
                Question.COMPUTE_NODE, f"nobody knows whether a job was taken: {doubt}"
            )
            return
        if isinstance(answer, Refused):
            self._sheet.no(
                Question.COMPUTE_NODE,
                f"a job is refused: {answer.reason}",
                "say what it lacks in batch",
            )
        else:
            await self._follow(site)
        await self._batch.remove(self._job)

    async def _follow(self, site: Site) -> None:
        report = await self._until(self._ended, self._patience.start)
        if report is None:
            await self._batch.cancel(self._job)
            late = f"a job of a second had not ended after {self._patience.start:g} s"
            self._sheet.unknown(
                Question.COMPUTE_NODE, late, "check again when the machine is less busy"
            )
            return
        self._sheet.judge(
            Question.COMPUTE_NODE,
            report.state is JobState.COMPLETED,
            f"{report.host or 'it'} sees the base directory"
            if report.state is JobState.COMPLETED
            else f"the job is {report.state}: {report.reason or report.exit_code}",
            "choose a base directory on a file system that compute nodes share",
        )
        if report.ended is not None:
            delay = max(0.0, self._wall() + self._skew - report.ended)
            self._sheet.judge(
                Question.STATUS_FILE,
                delay <= LATE_STATUS,
                f"seen after {delay:.1f} s",
                "ends of jobs are known late: its file system is slow, or its clocks differ",
            )
        try:
            await self._measure_lag(site)
        except MachineError as error:
            self._sheet.no(Question.HISTORY, str(error), _UNREADABLE)

    async def _ended(self) -> JobReport | None:
        """By its wrapper's mark; a scheduler that knows of an end without one tells, too."""
        (*_, seen) = (None, *await self._batch.observe([self._job]))
        return seen if seen and seen.state.ended else None

    async def _measure_lag(self, site: Site) -> None:
        """How long queue and accounts are behind the wrapper's own word."""
        began = self._now()
        await self._until(self._queue_knows, self._patience.history)
        queue = self._now() - began
        if site.accounting is False:
            self._sheet.unknown(Question.HISTORY, "there are no accounts")
            self._learn_lag(site, queue)
            return
        if await self._until(self._accounts_know, self._patience.history) is None:
            late = f"no word of a job {self._patience.history:g} s after its end"
            self._sheet.no(Question.HISTORY, late, _UNREADABLE)
            return
        lag = self._now() - began
        if site.accounting is None:  # it did not say so itself
            self._sheet.yes(Question.ACCOUNTS, "they know of a job of ours")
        self._sheet.yes(Question.HISTORY, f"it knows of an end after {lag:.1f} s")
        self._learn_lag(site, lag)

    def _learn_lag(self, site: Site, lag: float) -> None:
        """One measurement is no bound: four times as long, and five seconds.

        Nor does a short one show that it is never longer: Grid Engine writes its accounts down
        every 15 s, and a job may end just before.
        """
        if "lag" in site.learns:
            self._sheet.learned["lag"] = max(self._batch.least_lag, round(4 * lag + 5, 1))

    async def _queue_knows(self) -> bool | None:
        report = await self._batch.hear(Witness.QUEUE, self._job)
        return (report is None or report.state.ended) or None

    async def _accounts_know(self) -> bool | None:
        report = await self._batch.hear(Witness.ACCOUNTING, self._job)
        return (report is not None and report.state.ended) or None

    async def _until(self, look: Callable[[], Awaitable[T | None]], within: float) -> T | None:
        """What there is to see before long; None if there is not."""
        until = self._now() + within
        while (seen := await look()) is None and self._now() < until:
            await asyncio.sleep(self._patience.pause)
        return seen


async def _in_chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), MIB):
        yield data[at : at + MIB]
