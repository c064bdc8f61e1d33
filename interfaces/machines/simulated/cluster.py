"""The model of a cluster: slots, a queue, jobs with their fates. Plain data and arithmetic.

It moves only when told what time it is, from one event to the next, so it does not matter how often
it is looked at.
"""

import math
from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from events.jobs import (
    After,
    Dependency,
    JobId,
    JobRequest,
    JobState,
    Part,
    Token,
    whose,
)
from events.machines import MachineLoad, Queue
from interfaces.machines.simulated.fates import Fate
from interfaces.machines.simulated.job import SimulatedJob


class Cluster(BaseModel):
    """A machine of some slots; its whole state, so that it can be kept in a file.

    A job takes as many slots as it wants nodes. Those of a higher priority start first, and others
    before them where that delays nobody by what walltimes say.
    """

    slots: int
    now: float = 0.0
    jobs: list[SimulatedJob] = []
    queues: tuple[Queue, ...] = ()
    """Of which the first is meant where none is named; none: a name means nothing."""
    priorities: dict[str, int] = {}
    """Of queues and qualities of service, where they have another than 0."""
    keeps: float = 300.0
    """Seconds for which its queue still shows a job that has ended."""
    accounts_lag: float = 0.0
    """Seconds after a job's end at which its accounts begin to tell."""
    cancels_in_vain: bool = True
    """Whether it cancels what waits for an end that cannot come any more; LSF keeps that."""

    def submitted(self, token: Token) -> list[SimulatedJob]:
        """All submissions of a token, oldest first."""
        return [job for job in self.jobs if job.token == token]

    def accept(
        self, request: JobRequest, submission: int, fates: Sequence[Fate]
    ) -> list[SimulatedJob]:
        """Put a job into the queue, or all of an array: a fate for each."""
        job_id = JobId(str(1000 + len(self.jobs)))
        jobs = [
            SimulatedJob(
                request=request,
                submission=submission,
                job_id=job_id,
                instance=None if request.instances == 1 else n,
                fate=fate,
                submitted=self.now,
                state=JobState.HELD if request.options.hold else JobState.QUEUED,
            )
            for n, fate in enumerate(fates)
        ]
        self.jobs += jobs
        return jobs

    def the_job(self, part: Part) -> SimulatedJob | None:
        """The submission that counts for a part: the one that claimed the run, or may still."""
        jobs = [job for job in self.submitted(whose(part)) if job.part == part and not job.is_copy]
        return next((job for job in jobs if job.claimed), jobs[-1] if jobs else None)

    def the_jobs(self, token: Token) -> list[SimulatedJob]:
        """Those that count for all of its parts."""
        parts = dict.fromkeys(job.part for job in self.submitted(token))
        return [job for part in parts if (job := self.the_job(part))]

    def finish(self, job: SimulatedJob, exit_code: int) -> None:
        """A real program ended by itself."""
        job.told = exit_code
        job.end(self.now, JobState.FAILED if exit_code else JobState.COMPLETED)

    def cancel(self, token: Token) -> None:
        """End all jobs of a token."""
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

    def shown(self) -> list[SimulatedJob]:
        """What its queue shows: not what has vanished, nor what was purged."""
        return [job for job in self.jobs if job.ended is None or self._still_shown(job, job.ended)]

    def accounted(self) -> list[SimulatedJob]:
        """What its accounts tell of."""
        told = self.now - self.accounts_lag
        return [job for job in self.jobs if job.ended is not None and job.ended <= told]

    def queue_of(self, request: JobRequest) -> Queue | None:
        """The queue that is meant; None: there is no such queue."""
        name = request.options.queue
        return next((queue for queue in self.queues if name in ("", queue.name)), None)

    def load(self) -> MachineLoad:
        """How busy it is."""
        running, queued = self.in_state(JobState.RUNNING), self.in_state(JobState.QUEUED)
        return MachineLoad(
            slots=self.slots,
            slots_used=sum(self.width(job) for job in running),
            running=len(running),
            queued=len(queued),
        )

    def advance(self, now: float) -> None:
        """Let everything happen that happens until `now`."""
        while self._something_happens(now):
            pass
        self.now = max(self.now, now)

    def in_state(self, state: JobState) -> list[SimulatedJob]:
        return [job for job in self.jobs if job.state is state]

    def width(self, job: SimulatedJob) -> int:
        """The slots it takes: more nodes than there are mean all."""
        return min(job.request.nodes, self.slots)

    def why_never(self, request: JobRequest) -> str:
        """Why a job would wait for ever; empty: it would not."""
        queue = self.queue_of(request)
        if queue and queue.open is False:
            return "its queue is closed"
        if queue and queue.walltime is not None and request.walltime > queue.walltime:
            return "its walltime is over the limit of its queue"
        return ""

    def waits_in_vain(self, job: SimulatedJob) -> bool:
        """Whether it is in the queue for an end of another job that has ended otherwise."""
        return job.state is JobState.QUEUED and any(
            all(other.state.ended for other in self.the_jobs(awaited.token))
            and not self._met(awaited)
            for awaited in job.request.options.after
        )

    def _still_shown(self, job: SimulatedJob, ended: float) -> bool:
        return job.state is not JobState.LOST and self.now < ended + self.keeps

    def _something_happens(self, now: float) -> bool:
        """One event, if there is one until `now`; at the same moment ends come before starts."""
        left = next(filter(self.waits_in_vain, self.jobs), None) if self.cancels_in_vain else None
        if left:
            left.end(self.now, JobState.CANCELLED)
            return True
        running = self.in_state(JobState.RUNNING)
        leaving = min(running, key=lambda job: job.leaves, default=None)
        if leaving and leaving.leaves <= self.now:
            leaving.leave()
        elif starting := self._next(running):
            self._start(starting)
        else:
            queued = self.in_state(JobState.QUEUED)
            moments = [job.eligible for job in queued if job.eligible > self.now]
            moments += [leaving.leaves] if leaving else []
            moment = min(moments, default=math.inf)
            if moment > now:
                return False
            self.now = moment
        return True

    def _next(self, running: list[SimulatedJob]) -> SimulatedJob | None:
        """The job to start now, if one may: the first, or one behind it that does not delay it."""
        free = self.slots - sum(self.width(job) for job in running)
        waiting = [job for job in self.in_state(JobState.QUEUED) if free and self._may_start(job)]
        if not waiting:
            return None
        first = max(waiting, key=self._priority)
        if self.width(first) <= free:
            return first
        begins, spare = self._reservation(first, running, free)
        for job in sorted(waiting, key=self._priority, reverse=True):
            ends_before = self.now + job.request.walltime <= begins
            if self.width(job) <= (free if ends_before else min(free, spare)):
                return job
        return None

    def _reservation(
        self, first: SimulatedJob, running: list[SimulatedJob], free: int
    ) -> tuple[float, int]:
        """When a job starts at the latest, and how many slots are left then."""
        begins = self.now
        for job in sorted(running, key=lambda job: job.ends_by):
            begins, free = job.ends_by, free + self.width(job)
            if free >= self.width(first):
                break
        return begins, free - self.width(first)

    def _priority(self, job: SimulatedJob) -> int:
        options = job.request.options
        return max(self.priorities.get(name, 0) for name in (options.queue, options.qos))

    def _may_start(self, job: SimulatedJob) -> bool:
        if job.eligible > self.now or self.why_never(job.request):
            return False
        return all(self._met(other) for other in job.request.options.after)

    def _met(self, awaited: Dependency) -> bool:
        """What is not known any more is not waited for."""
        others = self.the_jobs(awaited.token)
        completed = all(other.state is JobState.COMPLETED for other in others)
        ended = all(other.state.ended for other in others)
        match awaited.on:
            case After.STARTED:
                return all(other.claimed or other.state.ended for other in others)
            case After.SUCCEEDED:
                return completed
            case After.FAILED:
                return ended and not (others and completed)
            case After.ENDED:
                return ended

    def _start(self, job: SimulatedJob) -> None:
        job.start(self.now)


class ClusterWithWrappers(Cluster):
    """A cluster whose jobs have no processes: it does what their wrappers would do, too."""

    forbidden: set[Token] = set()
    starts: Counter[Part] = Counter()
    copies: Counter[Part] = Counter()

    def cancel(self, token: Token) -> None:
        """End all jobs of a token, and let none start any more."""
        self.forbidden.add(token)
        super().cancel(token)

    def _start(self, job: SimulatedJob) -> None:
        others = (other for other in self.submitted(job.token) if other.part == job.part)
        if any(other.claimed and other is not job for other in others):
            job.is_copy = True
            self.copies[job.part] += 1
            job.end(self.now, JobState.CANCELLED)
        else:
            self.starts[job.part] += 1
            super()._start(job)
