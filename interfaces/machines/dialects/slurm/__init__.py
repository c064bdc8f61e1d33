"""The dialect of Slurm, 20.11 and newer.

A job's token is its name, and its comment where the request has none. Formats are told field by
field, with a separator that is in no name; `--json` changed in 23.11 and again in 24.05.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from events.jobs import JobId, JobReport, JobRequest, Token
from events.machines import MachineSettings
from interfaces.machines.dialect import Command
from interfaces.machines.dialects.asking import Tools, Wish
from interfaces.machines.dialects.batch_settings import DatedSettings, batch_settings
from interfaces.machines.dialects.scheduler import Scheduler
from interfaces.machines.dialects.slurm.environment import CLEAN
from interfaces.machines.dialects.slurm.jobs import History, Jobs
from interfaces.machines.dialects.slurm.load import Load
from interfaces.machines.dialects.slurm.site import AskSite
from interfaces.machines.dialects.slurm.submit import REFUSALS, StartEstimate, Submit
from interfaces.machines.scripts.layout import layout_of
from interfaces.machines.scripts.passing import Launcher


def slurm(settings: MachineSettings) -> "Slurm":
    """What the entry point `slurm` of `vestec.dialects` names; raises `WrongSettings`."""
    return Slurm(layout_of(settings), batch_settings(DatedSettings, settings))


@dataclass(frozen=True)
class Slurm(Scheduler[DatedSettings]):
    """Slurm at one site."""

    settings: DatedSettings = DatedSettings()
    directive = "#SBATCH"
    directives_anywhere = False
    not_now = REFUSALS.not_now
    job_id = '"$SLURM_JOB_ID"'
    instance_id = '"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"'
    instance = '"$SLURM_ARRAY_TASK_ID"'
    # Of an array this very instance: its last one's own id is the array's, which means all.
    launcher = Launcher(
        "srun",
        f"""{CLEAN}scancel --signal="$1" """
        '"${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"',
    )

    def check(self) -> Tools:
        accounts = " sacct" if self.settings.accounting else ""
        return Tools(f"sbatch scancel scontrol sinfo squeue{accounts}", CLEAN)

    def site(self) -> AskSite:
        return AskSite()

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> Submit:
        return Submit(self.layout, self.settings, request, tuple(directives))

    def jobs(self, tokens: Collection[Token]) -> Jobs:
        return Jobs(tuple(tokens))

    def accounts(self, tokens: tuple[Token, ...]) -> Command[list[JobReport]]:
        return History(self.layout, tokens, self.settings.accounts_days)

    def cancel(self, token: Token, job_id: JobId | None) -> Wish:
        """By name: the id may be another's by now, and there may be copies."""
        return Wish(f'{CLEAN}scancel --user="$(id -u)" --name={token}')

    def hold(self, token: Token) -> Wish:
        return Wish(f"{CLEAN}scontrol hold jobname={token}")

    def release(self, token: Token) -> Wish:
        return Wish(f"{CLEAN}scontrol release jobname={token}")

    def estimate(self, request: JobRequest) -> StartEstimate:
        return StartEstimate(self.settings, request)

    def load(self) -> Load:
        return Load()
