"""The dialect of PBS: OpenPBS and PBS Pro from 18 on, which answer in JSON.

A job's token is its name, and in its variable `VESTEC_TOKEN`. An unknown id among known ones makes
`qstat` fail though its answer is good, and a server that is down is answered for with good JSON
without jobs: both the exit status and what was said count.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from events.jobs import JobId, JobReport, JobRequest, Token
from events.machines import MachineSettings
from interfaces.machines.asking import Tools, Unasked, Wish
from interfaces.machines.batch_settings import BatchSettings, batch_settings
from interfaces.machines.dialect import Command, Estimate
from interfaces.machines.layout import Layout, layout_of
from interfaces.machines.pbs.jobs import GONE, History, Jobs
from interfaces.machines.pbs.load import Load
from interfaces.machines.pbs.site import AskSite
from interfaces.machines.pbs.submit import REFUSALS, Submit
from interfaces.machines.wrapper import wrapper


def pbs(settings: MachineSettings) -> "Pbs":
    """What the entry point `pbs` of `vestec.dialects` names; raises `WrongSettings`."""
    return Pbs(layout_of(settings), batch_settings(BatchSettings, settings))


@dataclass(frozen=True)
class Pbs:
    """PBS at one site."""

    layout: Layout
    settings: BatchSettings = BatchSettings()
    directive = "#PBS"
    not_now = REFUSALS.not_now

    @property
    def lag(self) -> float:
        return self.settings.lag

    @property
    def doubt(self) -> float:
        return self.settings.doubt

    def check(self) -> Tools:
        return Tools("id pbsnodes qdel qhold qrls qselect qstat qsub")

    def site(self) -> AskSite:
        return AskSite()

    def wrapper(self, request: JobRequest, submission: int) -> str:
        return wrapper(request, self.layout, '"$PBS_JOBID"', self.settings.prologue)

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> Submit:
        return Submit(self.layout, self.settings, request, tuple(directives))

    def jobs(self, tokens: Collection[Token]) -> Jobs:
        return Jobs(tuple(tokens))

    def history(self, tokens: Collection[Token]) -> Command[list[JobReport]]:
        if not self.settings.accounting:
            return Unasked[list[JobReport]]([])
        return History(tuple(tokens))

    def cancel(self, token: Token, job_id: JobId | None) -> Wish:
        return Wish(_of_all(token, "qdel"), GONE)

    def hold(self, token: Token) -> Wish:
        return Wish(_of_all(token, "qhold"))

    def release(self, token: Token) -> Wish:
        return Wish(_of_all(token, "qrls"))

    def estimate(self, request: JobRequest) -> Unasked[Estimate]:
        return Unasked(Estimate())

    def load(self) -> Load:
        return Load()


def _of_all(token: Token, wish: str) -> str:
    """By name: the id may be another's by now, and there may be copies."""
    return f'ids=$(qselect -N {token}) || exit; test -z "$ids" || {wish} $ids'
