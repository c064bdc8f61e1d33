"""The dialect of LSF, 10.1 and newer.

It is built from IBM's documentation: no real server has answered it. A job's token is its name, and
its description where the request has no comment. `bjobs -d` knows ended jobs for `CLEAN_PERIOD` (an
hour by default); `bhist` and `bacct`, which know more, answer for people only. So the wrapper's own
word is what is left of a job that nobody asked about for so long.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from events.jobs import JobId, JobReport, JobRequest, Token, Witness
from events.machines import MachineSettings
from interfaces.machines.dialect import Command
from interfaces.machines.dialects.asking import Tools, Wish
from interfaces.machines.dialects.batch_settings import BatchSettings, batch_settings
from interfaces.machines.dialects.lsf.jobs import CLEAN, NONE, Jobs
from interfaces.machines.dialects.lsf.load import Load
from interfaces.machines.dialects.lsf.site import AskSite
from interfaces.machines.dialects.lsf.submit import REFUSALS, Submit
from interfaces.machines.dialects.scheduler import Scheduler
from interfaces.machines.scripts.layout import layout_of

_GONE = (*NONE, "is already finished", "is not found", "No matching job")


def lsf(settings: MachineSettings) -> "Lsf":
    """What the entry point `lsf` of `vestec.dialects` names; raises `WrongSettings`."""
    return Lsf(layout_of(settings), batch_settings(BatchSettings, settings))


@dataclass(frozen=True)
class Lsf(Scheduler[BatchSettings]):
    """LSF at one site."""

    settings: BatchSettings = BatchSettings()
    directive = "#BSUB"
    directives_anywhere = True
    not_now = REFUSALS.not_now
    job_id = '"$LSB_JOBID$(case ${LSB_JOBINDEX:-0} in (0) ;; (*) echo "[$LSB_JOBINDEX]" ;; esac)"'
    instance = "$((LSB_JOBINDEX - 1))"

    def check(self) -> Tools:
        return Tools("bhosts bjobs bkill bqueues bresume bstop bsub id")

    def site(self) -> AskSite:
        return AskSite()

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> Submit:
        return Submit(self.layout, self.settings, request, tuple(directives))

    def jobs(self, tokens: Collection[Token]) -> Jobs:
        return Jobs(tuple(tokens))

    def accounts(self, tokens: tuple[Token, ...]) -> Command[list[JobReport]]:
        return Jobs(tokens, "-d", Witness.ACCOUNTING)

    def cancel(self, token: Token, job_id: JobId | None) -> Wish:
        """By name, and all of that name: without the 0 it would be the newest one only."""
        return Wish(f"{CLEAN}bkill -J {token} 0", _GONE)

    def hold(self, token: Token) -> Wish:
        return Wish(f"{CLEAN}bstop -J {token} 0")

    def release(self, token: Token) -> Wish:
        return Wish(f"{CLEAN}bresume -J {token} 0")

    def load(self) -> Load:
        return Load()
