"""The dialect of Grid Engine: Son of Grid Engine, Open and Univa Grid Engine.

A job's token is its name and its account string. A list of jobs comes from `qstat -xml`, which cuts
no names; what has ended is in the accounts alone, some seconds later, and what was deleted before
it started is nowhere: of a job that waited that is proof. Defaults in a `.sge_qstat` would hide
jobs without a word: with such a file no list is believed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from events.jobs import JobId, JobReport, JobRequest, Token
from events.machines import MachineSettings
from interfaces.machines.dialect import Command
from interfaces.machines.dialects.asking import Tools, Wish
from interfaces.machines.dialects.batch_settings import batch_settings
from interfaces.machines.dialects.scheduler import Scheduler
from interfaces.machines.dialects.sge.jobs import History, Jobs
from interfaces.machines.dialects.sge.load import Load
from interfaces.machines.dialects.sge.settings import SgeSettings
from interfaces.machines.dialects.sge.site import AskSite
from interfaces.machines.dialects.sge.submit import REFUSALS, Submit
from interfaces.machines.scripts.layout import layout_of

_JOB_ID = (
    '"$JOB_ID$(case ${SGE_TASK_ID:-undefined} in (undefined) ;; (*) echo .$SGE_TASK_ID ;; esac)"'
)
_GONE = ("does not exist", "already in deletion")


def sge(settings: MachineSettings) -> "GridEngine":
    """What the entry point `sge` of `vestec.dialects` names; raises `WrongSettings`."""
    return GridEngine(layout_of(settings), batch_settings(SgeSettings, settings))


@dataclass(frozen=True)
class GridEngine(Scheduler[SgeSettings]):
    """Grid Engine at one site."""

    settings: SgeSettings = SgeSettings()
    directive = "#$"
    directives_anywhere = True
    not_now = REFUSALS.not_now
    job_id = _JOB_ID
    instance = "$((SGE_TASK_ID - 1))"

    @property
    def forgets_deleted(self) -> bool:
        return self.settings.accounting

    def check(self) -> Tools:
        accounts = " qacct" if self.settings.accounting else ""
        return Tools(f"cut getent id qdel qhold qrls qstat qsub{accounts}")

    def site(self) -> AskSite:
        return AskSite()

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> Submit:
        return Submit(self.layout, self.settings, request, tuple(directives))

    def jobs(self, tokens: Collection[Token]) -> Jobs:
        return Jobs(self.layout, tuple(tokens))

    def accounts(self, tokens: tuple[Token, ...]) -> Command[list[JobReport]]:
        return History(self.layout, tokens, self.settings.accounts_days)

    def cancel(self, token: Token, job_id: JobId | None) -> Wish:
        """By name: the id may be another's by now, and there may be copies."""
        return Wish(f"qdel {token}", _GONE)

    def hold(self, token: Token) -> Wish:
        return Wish(f"qhold {token}")

    def release(self, token: Token) -> Wish:
        return Wish(f"qrls {token}")

    def load(self) -> Load:
        return Load()
