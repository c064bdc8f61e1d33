"""The contracts of dialects and connections notice who loses jobs, or runs them twice."""

from collections.abc import Collection
from pathlib import Path

import pytest

from events.jobs import JobId, JobReport, Token
from interfaces.machines.connection import MIB, CommandCut, Completed, OutputTooLarge
from interfaces.machines.connections.local import LocalConnection
from interfaces.machines.dialect import Command, Dialect
from interfaces.machines.dialects.asking import Wish
from interfaces.machines.dialects.batch_settings import DatedSettings
from interfaces.machines.dialects.pbs import Pbs
from interfaces.machines.dialects.pbs.jobs import Jobs as PbsJobs
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.dialects.slurm.jobs import Jobs
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.testing import ConnectionContract
from tests.interfaces.machines import test_dialects


class AsksOfTheFirst(Slurm):
    def jobs(self, tokens: Collection[Token]) -> Jobs:
        return super().jobs([*tokens][:1])

    def history(self, tokens: Collection[Token]) -> Command[list[JobReport]]:
        return super().history([*tokens][:1])


class OneEach(Jobs):
    def script(self) -> str:
        return "\n".join(super(OneEach, self).script() for _ in self.tokens)


class AsksOfEach(Slurm):
    def jobs(self, tokens: Collection[Token]) -> Jobs:
        return OneEach(tuple(tokens))


class WhateverItSays(Jobs):
    def script(self) -> str:
        return f"{super().script()}\nexit 0"


class TakesNoAnswerForAnEmptyOne(Slurm):
    def jobs(self, tokens: Collection[Token]) -> Jobs:
        return WhateverItSays(tuple(tokens))


class CancelsWhateverHasTheId(Slurm):
    def cancel(self, token: Token, job_id: JobId | None) -> Wish:
        return Wish(f"scancel {job_id or 42}")


class HalfAnAnswer(PbsJobs):
    def script(self) -> str:
        return f"{super().script()} || true"


class TakesHalfAnAnswerForAnEmptyOne(Pbs):
    def jobs(self, tokens: Collection[Token]) -> PbsJobs:
        return HalfAnAnswer(tuple(tokens))


class RunsAgain(LocalConnection):
    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        try:
            return await super().run(script, deadline=deadline, output_limit=output_limit)
        except CommandCut as cut:
            if not self.runs_again(cut):
                raise
            return await super().run(script, deadline=deadline, output_limit=output_limit)

    def runs_again(self, cut: CommandCut) -> bool:
        return not isinstance(cut, OutputTooLarge) and not _is_late(cut)


class RunsAgainWhatIsLate(RunsAgain):
    def runs_again(self, cut: CommandCut) -> bool:
        return _is_late(cut)


def _is_late(cut: CommandCut) -> bool:
    return "had not ended" in str(cut)


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (AsksOfTheFirst, "test_a_job_in_the_queue_is_seen_there"),
        (AsksOfTheFirst, "test_the_history_tells_how_a_job_ended"),
        (AsksOfEach, "test_a_job_in_the_queue_is_seen_there"),
        (TakesNoAnswerForAnEmptyOne, "test_commands_that_fail_are_no_answer"),
        (CancelsWhateverHasTheId, "test_wishes_name_the_job_and_no_other"),
    ],
)
def test_a_dialect_that_loses_jobs_fails(broken: type[Slurm], test: str, tmp_path: Path) -> None:
    class Broken(test_dialects.TestSlurm):
        def dialect(self, layout: Layout) -> Dialect:
            return broken(layout, DatedSettings(instances=10))

    with pytest.raises(AssertionError):
        getattr(Broken(), test)(tmp_path)


def test_a_dialect_that_takes_half_an_answer_fails(tmp_path: Path) -> None:
    class Broken(test_dialects.TestPbs):
        def dialect(self, layout: Layout) -> Dialect:
            return TakesHalfAnAnswerForAnEmptyOne(layout)

    with pytest.raises(AssertionError):
        Broken().test_commands_that_fail_are_no_answer(tmp_path)


@pytest.mark.parametrize("broken", [RunsAgain, RunsAgainWhatIsLate])
def test_a_connection_that_runs_what_was_cut_again_fails(
    broken: type[RunsAgain], tmp_path: Path
) -> None:
    class Broken(ConnectionContract):
        def connection(self, sessions: int = 8) -> RunsAgain:
            return broken(sessions)

    with pytest.raises(AssertionError):
        Broken().test_what_was_cut_is_not_run_again(tmp_path)
