"""The jobs of a simulated cluster: the model says which ones run, and they are real processes."""

import asyncio
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from events.jobs import JobId, JobRequest, JobState
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.fates import Fate, Oracle, fates
from interfaces.machines.simulated.job import SimulatedJob

_TICK = 0.05
"""Seconds between two looks at the clock and at the processes."""
_GRACE = 5.0
"""Seconds between TERM and KILL."""


@dataclass(frozen=True)
class Work:
    """What a job runs."""

    folder: Path
    script: str
    """Run by `/bin/sh`."""
    output: str
    """The file that gets what the script writes."""


class Site:
    """The model, told what time it is, and the processes of the jobs that it starts."""

    def __init__(
        self,
        cluster: Cluster,
        oracle: Oracle,
        now: Callable[[], float] = time.time,
        *,
        variables: Callable[[SimulatedJob], Mapping[str, str]],
        environment: Mapping[str, str],
    ) -> None:
        """`variables` tell a job its id."""
        self.cluster, self.oracle, self._now = cluster, oracle, now
        self._variables, self._environment = variables, environment
        self._work: dict[JobId, Work] = {}
        self._running: dict[JobId, _Run] = {}

    @property
    def reachable(self) -> bool:
        return not self.oracle.unreachable(self._now())

    def fate(self, request: JobRequest, instance: int | None = None) -> Fate:
        """What is in store; a program that nothing befalls decides itself when and how it ends."""
        fate = self.oracle.fate(request, instance)
        return fate if fate.vanishes or fate.exit_code else replace(fate, run=math.inf)

    def accept(self, request: JobRequest, work: Work) -> SimulatedJob:
        """Put a job into the queue, or all of an array, of which the first one is given."""
        earlier = {job.submission for job in self.cluster.submitted(request.token)}
        jobs = self.cluster.accept(request, 1 + len(earlier), fates(self.fate, request))
        self._work |= {job.its_id: work for job in jobs}
        self.settle()
        return jobs[0]

    def settle(self) -> None:
        """Let everything happen that happens until now, in the model and on the machine."""
        self.cluster.advance(self._now())
        for job in self.cluster.in_state(JobState.RUNNING):
            run = self._running.get(job.its_id)
            code = run.ended() if run and run.attempt == job.attempt else None
            if code is not None:
                self.cluster.finish(job, code)
        self.cluster.advance(self._now())
        jobs = {job.its_id: job for job in self.cluster.jobs if job.state is JobState.RUNNING}
        for job_id, run in [*self._running.items()]:
            if job_id in jobs and jobs[job_id].attempt == run.attempt:
                continue  # if it has just ended, the model is told next time
            if run.ended() is not None:
                del self._running[job_id]
            else:
                run.stop()
        for job_id, job in jobs.items():
            if job_id not in self._running:
                self._running[job_id] = self._start(job)

    async def live(self) -> None:
        """Settle for ever."""
        while True:
            self.settle()
            await asyncio.sleep(_TICK)

    def close(self) -> None:
        """Kill what still runs."""
        for run in self._running.values():
            run.kill()

    def _start(self, job: SimulatedJob) -> "_Run":
        work = self._work[job.its_id]
        environment = {**self._environment, **self._variables(job)}
        with (work.folder / work.output).open("ab") as output:
            process = subprocess.Popen(
                ["/bin/sh", work.script],
                cwd=work.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return _Run(process, job)


class _Run:
    """One attempt of a job."""

    def __init__(self, process: "subprocess.Popen[bytes]", job: SimulatedJob) -> None:
        self.attempt, self._process, self._job = job.attempt, process, job
        self._code: int | None = None
        self._told: float | None = None

    def ended(self) -> int | None:
        """The exit code as a shell has it, once its first process has ended; all others end so."""
        if self._code is None:
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            if os.waitid(os.P_PID, self._process.pid, options) is not None:
                self.kill()
        return self._code

    def stop(self) -> None:
        """TERM, and after a while KILL; at once for what vanishes or fails by fate."""
        fate, state = self._job.fate, self._job.state
        by_fate = state is JobState.LOST or (state is JobState.FAILED and fate.exit_code)
        if by_fate or (self._told and time.monotonic() > self._told + _GRACE):
            self.kill()
        elif self._told is None:
            self._told = time.monotonic()
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """All of its processes, before the first is forgotten: their group is still theirs then."""
        if self._code is None:
            self._signal(signal.SIGKILL)
            code = self._process.wait()
            self._code = 128 - code if code < 0 else code

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
