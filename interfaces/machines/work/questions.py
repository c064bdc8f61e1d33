"""What the scheduler of a machine is asked about, and when: one question for all of its jobs."""

import asyncio
import math

from events.jobs import JobReport, JobState, Part, Token, instance_of, parts_of
from interfaces.machines.work.machine import Machine
from managers.operations import Job, MachineJobs, may_come_again


class Questions:
    """Once a period and at a wish: in turn. Sooner where only the scheduler knows of ends to come.

    A question out of turn is about jobs only, and nobody draws conclusions from its silence.
    """

    def __init__(self, machine: Machine, jobs: MachineJobs) -> None:
        self._machine = machine
        self._asked: float | None = None
        self._in_turn: float | None = None
        self._refreshed = refreshes(jobs)
        self._ending: frozenset[tuple[Part, bool]] = frozenset()
        """What was asked for out of turn."""
        self._rest = 0.0
        """Until when nobody asks by itself, after a question that failed."""
        self._soon = 0.0
        """Seconds after the newest question at which it is asked for again."""

    def until_wished(self, jobs: MachineJobs) -> float:
        """Seconds until one may be asked that somebody wishes for; infinite: nobody does.

        Wishes before that are one.
        """
        if refreshes(jobs) == self._refreshed:
            return math.inf
        newest = -math.inf if self._in_turn is None else self._in_turn
        return max(newest + self._machine.manners.wish - _now(), self.too_soon(), 0.0)

    def in_turn(self, jobs: MachineJobs) -> bool:
        """Whether it is time, also as long as nobody knows whether the machine answers."""
        if self.too_soon() > 0:
            return False
        if self._in_turn is None or self.until_wished(jobs) <= 0:
            return True
        if not jobs.reachable:
            return _now() >= self._rest
        return _now() - self._in_turn >= self._machine.manners.ask

    def out_of_turn(self, jobs: MachineJobs) -> bool:
        """Whether to ask for ends: first at the next look, then after twice as long each time."""
        ending = _ending(jobs)
        if ending - self._ending:
            self._soon = self._machine.manners.look
        self._ending = ending
        since = 0.0 if self._asked is None else _now() - self._asked
        return bool(ending) and since >= self._soon and self.too_soon() <= 0

    def begins(self, jobs: MachineJobs, *, in_turn: bool) -> None:
        """It is asked now."""
        self._asked = _now()
        if in_turn:
            self._in_turn, self._refreshed = self._asked, refreshes(jobs)
        else:
            self._soon *= 2

    def rests(self, pause: float) -> None:
        """A question failed: so many seconds are to pass before the next."""
        self._rest = _now() + pause

    def rest(self) -> float:
        """Seconds that are left of that, and until the centre allows a question."""
        return max(self._rest - _now(), self.too_soon())

    def too_soon(self) -> float:
        """Seconds for which the scheduler is not asked again, whoever wishes it."""
        asked, least = self._asked, self._machine.manners.ask_least
        own = 0.0 if asked is None else asked + least - _now()
        return max(own, self._machine.budget.poll_pause(_now()))


def refreshes(machine: MachineJobs) -> int:
    """Wishes to look now."""
    return sum(job.refresh for job in machine.jobs.values())


def followed(machine: MachineJobs) -> dict[Token, Job]:
    """Jobs that the machine may have; without room, also those of which who died told nobody."""
    full = bool(machine.full)
    return {token: job for token, job in machine.jobs.items() if full or job.may_be_there}


def is_open(word: JobReport | None) -> bool:
    """Whether anything is still to be learned of what was spoken of."""
    return word is None or not word.state.ended or is_lost(word)


def is_lost(word: JobReport | None) -> bool:
    """Whether nobody knew its end."""
    return word is not None and word.state == JobState.LOST


def open_parts(job: Job) -> list[Part]:
    """What is still to be learned of: the job, or some of its instances, if it has any."""
    parts = parts_of(job.token, job.request.instances)
    return [part for part in parts if is_open(word_of(job, part))]


def heard_parts(job: Job) -> list[Part]:
    """What wrappers may tell more of: also what has ended, and may be requeued."""
    parts = parts_of(job.token, job.request.instances)
    words = ((part, word_of(job, part)) for part in parts)
    return [p for p, word in words if is_open(word) or (word and may_come_again(word.state))]


def word_of(job: Job, part: Part) -> JobReport | None:
    """The last one about the job, or an instance of it."""
    return job.word(instance_of(part))


def _ending(machine: MachineJobs) -> frozenset[tuple[Part, bool]]:
    """What is to end as the machine was told, and whether its wrapper says that its program has."""
    return frozenset(
        (part, told)
        for job in followed(machine).values()
        for part in open_parts(job)
        if (told := _was_told(word_of(job, part))) or (job.unwanted and not job.cancelling)
    )


def _was_told(word: JobReport | None) -> bool:
    return word is not None and word.state is JobState.ENDING and word.exit_code is not None


def _now() -> float:
    return asyncio.get_running_loop().time()
