"""The model of a cluster: slots, a queue, jobs with their fates. Plain data and arithmetic.

It moves only when told what time it is, from one event to the next, so it does not matter how often
it is looked at.
"""

import math
from collections import Counter

from pydantic import BaseModel

from events.jobs import JobId, JobReport, JobRequest, JobState, Token, Waiting, Witness
from interfaces.machines.dialect import QueueLoad
from interfaces.machines.fates import Fate


class SimulatedJob(BaseModel):
    """One accepted submission; times in seconds since the epoch."""

    request: JobRequest
    submission: int
    job_id: JobId
    fate: Fate
    submitted: float
    state: JobState = JobState.QUEUED
    started: float | None = None
    ended: float | None = None
    is_copy: bool = False

    @property
    def token(self) -> Token:
        return self.request.token

    @property
    def eligible(self) -> float:
        return self.submitted + self.fate.wait

    @property
    def ends(self) -> float:
        assert self.started is not None
        return self.started + min(self.fate.run, self.request.walltime)

    def start(self, now: float) -> None:
        self.state, self.started = JobState.RUNNING, now

    def end(self, now: float, state: JobState | None = None) -> None:
        self.state, self.ended = state or self._natural_end(), now

    def report(self, copies: int) -> JobReport:
        return JobReport(
            token=self.token,
            state=self.state,
            witness=Witness.STATUS_FILE if self.state.ended else Witness.QUEUE,
            job_id=self.job_id,
            exit_code=self._exit_code,
            host=None if self.started is None else "simulated",
            started=self.started,
            ended=self.ended,
            copies=copies,
            waiting=Waiting.NEEDS_A_HUMAN if self.state is JobState.HELD else None,
        )

    def _natural_end(self) -> JobState:
        if self.fate.vanishes:
            return JobState.LOST
        if self.fate.run > self.request.walltime:
            return JobState.TIMEOUT
        return JobState.FAILED if self.fate.exit_code else JobState.COMPLETED

    @property
    def _exit_code(self) -> int | None:
        match self.state:
            case JobState.COMPLETED | JobState.FAILED:
                return self.fate.exit_code
            case JobState.TIMEOUT | JobState.CANCELLED if self.started is not None:
                return 143
        return None


class Cluster(BaseModel):
    """A machine of some slots; its whole state, so that it can be kept in a file."""

    slots: int
    now: float = 0.0
    jobs: list[SimulatedJob] = []
    forbidden: set[Token] = set()
    starts: Counter[Token] = Counter()
    copies: Counter[Token] = Counter()

    def submitted(self, token: Token) -> list[SimulatedJob]:
        """All submissions of a token, oldest first."""
        return [job for job in self.jobs if job.token == token]

    def accept(self, request: JobRequest, submission: int, fate: Fate) -> SimulatedJob:
        """Put a job into the queue."""
        job = SimulatedJob(
            request=request,
            submission=submission,
            job_id=JobId(str(1000 + len(self.jobs))),
            fate=fate,
            submitted=self.now,
        )
        self.jobs.append(job)
        if request.options.hold:
            job.state = JobState.HELD
        if request.token in self.forbidden:
            job.end(self.now, JobState.CANCELLED)
        return job

    def the_job(self, token: Token) -> SimulatedJob | None:
        """The submission that counts for a token: the one that claimed the run, or may still."""
        jobs = [job for job in self.submitted(token) if not job.is_copy]
        return next((job for job in jobs if job.started is not None), jobs[-1] if jobs else None)

    def cancel(self, token: Token) -> None:
        """End all jobs of a token, and let none start any more."""
        self.forbidden.add(token)
        for job in self.submitted(token):
            if not job.state.ended:
                job.end(self.now, JobState.CANCELLED)

    def hold(self, token: Token) -> None:
        """Keep the jobs of a token that wait from starting."""
        for job in self.submitted(token):
            if job.state is JobState.QUEUED:
                job.state = JobState.HELD

    def release(self, token: Token) -> None:
        """Let them wait for their turn again."""
        for job in self.submitted(token):
            if job.state is JobState.HELD:
                job.state = JobState.QUEUED

    def load(self) -> QueueLoad:
        """How busy it is."""
        running, queued = len(self._in(JobState.RUNNING)), len(self._in(JobState.QUEUED))
        return QueueLoad(slots_total=self.slots, slots_used=running, running=running, queued=queued)

    def advance(self, now: float) -> None:
        """Let everything happen that happens until `now`."""
        while (moment := self._next_moment()) <= now:
            self.now = moment
            self._happen()
        self.now = max(self.now, now)

    def _in(self, state: JobState) -> list[SimulatedJob]:
        return [job for job in self.jobs if job.state is state]

    def _next_moment(self) -> float:
        running = self._in(JobState.RUNNING)
        moments = [job.ends for job in running]
        if len(running) < self.slots:
            moments += [max(job.eligible, self.now) for job in self._in(JobState.QUEUED)]
        return min(moments, default=math.inf)

    def _happen(self) -> None:
        """One event: an end if one is due, otherwise a start."""
        due = [job for job in self._in(JobState.RUNNING) if job.ends <= self.now]
        if due:
            due[0].end(self.now)
        else:
            self._start(next(j for j in self._in(JobState.QUEUED) if j.eligible <= self.now))

    def _start(self, job: SimulatedJob) -> None:
        if self.starts[job.token]:
            job.is_copy = True
            self.copies[job.token] += 1
            job.end(self.now, JobState.CANCELLED)
        else:
            self.starts[job.token] += 1
            job.start(self.now)
