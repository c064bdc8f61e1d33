"""For how long the accounts are believed that a job lives, though it is in its queue no more."""

import asyncio

from events.jobs import JobReport, Part, Witness
from interfaces.machines.witnesses import only_accounted
from interfaces.machines.work.questions import is_lost, word_of
from interfaces.machines.work.verdict import unexplained
from managers.operations import Job


class Accounted:
    """Until its walltime has passed since: a row of accounts that nobody ends stays for ever."""

    def __init__(self) -> None:
        self._since: dict[Part, float] = {}

    def for_too_long(self, job: Job, report: JobReport) -> bool:
        """Whether a report is of the accounts alone, and not believed any more."""
        if not only_accounted(report):
            if report.witness is Witness.QUEUE and not unexplained(report):
                self._since.pop(report.part, None)
            return False
        now = asyncio.get_running_loop().time()
        over = now - self._since.setdefault(report.part, now) > job.request.walltime
        return over or is_lost(word_of(job, report.part))
