"""The dialect of PBS: OpenPBS and PBS Pro from 18 on, which answer in JSON.

A job's token is its name, and in its variable `VESTEC_TOKEN`; its comment is in `VESTEC_COMMENT`.
An unknown id among known ones makes `qstat` fail though its answer is good, and a server that is
down is answered for with good JSON without jobs: both the exit status and what was said count.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from events.jobs import JobId, JobReport, JobRequest, Token
from events.machines import MachineSettings
from interfaces.machines.dialect import Command
from interfaces.machines.dialects.asking import Tools, Wish
from interfaces.machines.dialects.batch_settings import BatchSettings, batch_settings
from interfaces.machines.dialects.pbs.jobs import GONE, History, Jobs
from interfaces.machines.dialects.pbs.load import Load
from interfaces.machines.dialects.pbs.site import AskSite
from interfaces.machines.dialects.pbs.submit import REFUSALS, Submit
from interfaces.machines.dialects.scheduler import Scheduler
from interfaces.machines.scripts.layout import layout_of


def pbs(settings: MachineSettings) -> "Pbs":
    """What the entry point `pbs` of `vestec.dialects` names; raises `WrongSettings`."""
    return Pbs(layout_of(settings), batch_settings(BatchSettings, settings))


@dataclass(frozen=True)
class Pbs(Scheduler[BatchSettings]):
    """PBS at one site."""

    settings: BatchSettings = BatchSettings()
    directive = "#PBS"
    directives_anywhere = False
    not_now = REFUSALS.not_now
    job_id = '"$PBS_JOBID"'
    instance = '"$PBS_ARRAY_INDEX"'

    def check(self) -> Tools:
        return Tools("id pbsnodes qdel qhold qrls qselect qstat qsub")

    def site(self) -> AskSite:
        return AskSite()

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> Submit:
        return Submit(self.layout, self.settings, request, tuple(directives))

    def jobs(self, tokens: Collection[Token]) -> Jobs:
        return Jobs(tuple(tokens))

    def accounts(self, tokens: tuple[Token, ...]) -> Command[list[JobReport]]:
        return History(tokens)

    def cancel(self, token: Token, job_id: JobId | None) -> Wish:
        return Wish(_of_all(token, "qdel"), GONE)

    def hold(self, token: Token) -> Wish:
        return Wish(_of_all(token, "qhold"))

    def release(self, token: Token) -> Wish:
        return Wish(_of_all(token, "qrls"))

    def load(self) -> Load:
        return Load()


def _of_all(token: Token, wish: str) -> str:
    """By name: the id may be another's by now, and there may be copies."""
    return f'ids=$(qselect -N {token}) || exit; test -z "$ids" || {wish} $ids'
