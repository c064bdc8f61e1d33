"""A job in the model of a cluster, from its acceptance to its end: it moves when it is told to."""

import math

from pydantic import BaseModel

from events.jobs import (
    JobId,
    JobReport,
    JobRequest,
    JobState,
    Part,
    Token,
    Waiting,
    Witness,
    part_of,
)
from interfaces.machines.simulated.fates import Fate


class SimulatedJob(BaseModel):
    """One accepted submission, or an instance of one; times in seconds since the epoch."""

    request: JobRequest
    submission: int
    job_id: JobId
    """That of its array, if it is part of one."""
    instance: int | None = None
    fate: Fate
    submitted: float
    state: JobState = JobState.QUEUED
    attempt: int = 1
    started: float | None = None
    ended: float | None = None
    told: int | None = None
    """The exit code of a real program."""
    is_copy: bool = False

    @property
    def token(self) -> Token:
        return self.request.token

    @property
    def part(self) -> Part:
        return part_of(self.token, self.instance)

    @property
    def its_id(self) -> JobId:
        return self.job_id if self.instance is None else JobId(f"{self.job_id}_{self.instance}")

    @property
    def eligible(self) -> float:
        return self.submitted + self.fate.wait

    @property
    def claimed(self) -> bool:
        """Whether its program was ever started."""
        return self.started is not None or self.attempt > 1

    @property
    def leaves(self) -> float:
        """When it frees its slots: because it ends by itself, or it is preempted."""
        assert self.started is not None
        return self.started + min(self.fate.run, self.request.walltime, self._preempted_after)

    @property
    def ends_by(self) -> float:
        """When it ends at the latest, as far as a scheduler knows."""
        assert self.started is not None
        return self.started + self.request.walltime

    def start(self, now: float) -> None:
        self.state, self.started = JobState.RUNNING, now

    def leave(self) -> None:
        """Let happen what happens to it when it leaves its slots."""
        now, run = self.leaves, min(self.fate.run, self.request.walltime)
        if self._preempted_after < run:
            self.requeue()
        else:
            self.end(now)

    def end(self, now: float, state: JobState | None = None) -> None:
        self.state, self.ended = state or self._natural_end(), now

    def requeue(self) -> None:
        """Let it wait for another run."""
        self.state, self.attempt, self.started = JobState.QUEUED, self.attempt + 1, None

    def report(self, copies: int) -> JobReport:
        return JobReport(
            token=self.token,
            instance=self.instance,
            state=self.state,
            witness=Witness.STATUS_FILE if self.state.ended else Witness.QUEUE,
            job_id=self.its_id,
            attempt=self.attempt,
            exit_code=self.exit_code,
            host=None if self.started is None else "simulated",
            started=self.started,
            ended=self.ended,
            copies=copies,
            waiting=Waiting.NEEDS_A_HUMAN if self.state is JobState.HELD else None,
        )

    @property
    def exit_code(self) -> int | None:
        """As a shell has it; None: there is none yet, or nobody knows."""
        match self.state:
            case JobState.COMPLETED | JobState.FAILED:
                return self.fate.exit_code if self.told is None else self.told
            case JobState.TIMEOUT | JobState.CANCELLED if self.started is not None:
                return 143
        return None

    @property
    def _preempted_after(self) -> float:
        return math.inf if self.fate.preempted is None or self.attempt > 1 else self.fate.preempted

    def _natural_end(self) -> JobState:
        if self.fate.vanishes:
            return JobState.LOST
        if self.fate.run > self.request.walltime:
            return JobState.TIMEOUT
        return JobState.FAILED if self.fate.exit_code else JobState.COMPLETED
