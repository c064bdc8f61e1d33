"""That all that is asked reaches the batch system, and that what it tells of jobs is heard."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from events.jobs import JobOptions, JobReport, JobRequest, JobState, Token, Witness
from interfaces.machines.dialect import Command, Dialect, Submitted
from interfaces.machines.scripts import folders
from interfaces.machines.testing.fake_machine import FakeMachine
from interfaces.machines.testing.given import TOKEN, Given

OTHER = Token("vnopqrstuvwxyz")
_NEEDS: Mapping[str, Mapping[str, Any]] = {
    "walltime": {"walltime": 1200},
    "nodes": {"nodes": 2, "tasks": 2},
    "tasks": {"tasks": 2},
    "cpus_per_task": {"cpus_per_task": 4},
    "memory_mib": {"memory_mib": 8000},
    "gpus": {"gpus": 2},
    "exclusive": {"exclusive": True},
    "constraint": {"constraint": "fast"},
    "comment": {"comment": "EXERCISE"},
}
_OPTIONS: Mapping[str, Any] = {
    "queue": "q",
    "account": "a",
    "qos": "high",
    "reservation": "7",
    "after": [{"token": OTHER, "on": "ended"}],
    "hold": True,
    "mail": {"to": "ada@example.org"},
}
_OF_THE_WRAPPER: Mapping[str, Any] = {
    "modules": ["gcc"],
    "prologue": "ulimit -s unlimited",
    "launcher": "mpirun",
    "warning": 60,
}
_PATIENCE = 20.0
"""Seconds."""


class RequestPromises(Given):
    """Whatever a dialect does not declare as unsupported makes a submission another one."""

    def test_all_that_is_asked_reaches_the_batch_system(self, tmp_path: Path) -> None:
        plain = self._told(tmp_path / "plain", self.request())
        unheard = []
        asked = {name: _options(name, value) for name, value in _OPTIONS.items()} | {**_NEEDS}
        for name, more in asked.items():
            told = name in self.unsupported or self._told(tmp_path / name, self.request(**more))
            if told == plain:
                unheard.append(name)
        assert not unheard, f"what changes nothing in a submission: {', '.join(unheard)}"

    def test_what_is_said_in_its_own_words_reaches_the_batch_system(self, tmp_path: Path) -> None:
        directive = self.dialect(FakeMachine(tmp_path, {}).layout).directive
        if not self.native:
            assert not directive, "it reads directives: say an option as `native`"
            return
        plain = self._told(tmp_path / "plain", self.request())
        native = self.request(**_options("native", [self.native]))
        assert self._told(tmp_path / "native", native) != plain, self.native
        if directive:
            told = self._told(tmp_path / "directive", self.request(), [self.native])
            assert told != plain, f"{directive} {self.native}"

    def test_all_that_is_the_wrappers_is_in_it(self, tmp_path: Path) -> None:
        dialect = self.dialect(FakeMachine(tmp_path, {}).layout)
        plain = dialect.wrapper(self.request(), 1)
        asked = {name: _options(name, value) for name, value in _OF_THE_WRAPPER.items()}
        asked |= {"executable": {"executable": "fire"}, "environment": {"environment": {"A": "b"}}}
        for name, more in asked.items():
            assert dialect.wrapper(self.request(**more), 1) != plain, name

    def _told(
        self, folder: Path, request: JobRequest, directives: Sequence[str] = ()
    ) -> Sequence[object]:
        """How the commands were called; without any, the script of the submission."""
        machine = FakeMachine(folder, self.tools)
        dialect = self.dialect(machine.layout)
        if not self.tools:
            return [dialect.submit(request, 1, directives).script().replace(str(folder), "")]
        machine.submit(dialect, self.request(token=OTHER))
        before = len(machine.calls())
        completed = machine.submit(dialect, request, directives=directives)
        answer = dialect.submit(request, 1, directives).parse(completed)
        assert isinstance(answer, Submitted), f"it is declared as supported, and refused: {answer}"
        calls = machine.calls()[before:]
        return [[word.replace(str(folder), "") for word in call] for call in calls]


class WitnessPromises(Given):
    """What the batch system knows of a job is known to us."""

    def test_a_job_in_the_queue_is_seen_there(self, tmp_path: Path) -> None:
        machine, dialect = self._submitted(tmp_path, "sleep 60", self.queue)
        try:
            report = self._heard(
                lambda: [one for one in _of_queue(machine, dialect, TOKEN) if one.job_id]
            )
            assert report.token == TOKEN
            assert report.job_id == self.job_id
            assert not report.state.ended
            assert report.witness is Witness.QUEUE
            assert _of_queue(machine, dialect, OTHER) == [], "a job of another name is not ours"
            calls = _calls(machine, dialect.jobs([TOKEN]))
            assert [one.token for one in _of_queue(machine, dialect, OTHER, TOKEN)] == [TOKEN]
            together = _calls(machine, dialect.jobs([OTHER, TOKEN]))
            assert len(together) == len(calls), "one question is for all jobs"
            assert _all_or_none(together), "all jobs are asked about"
        finally:
            machine.run(dialect.cancel(TOKEN, None).script())

    def test_the_history_tells_how_a_job_ended(self, tmp_path: Path) -> None:
        machine, dialect = self._submitted(tmp_path, "exit 3", self.accounts or {})

        def told(*others: Token) -> list[JobReport]:
            history = dialect.history([*others, TOKEN])
            return history.parse(machine.run(history.script()))

        if self.accounts is None:
            assert told() == []
            return
        report = self._heard(told)
        assert report.token == TOKEN
        assert (report.state, report.exit_code) == (JobState.FAILED, 3)
        assert report.witness is Witness.ACCOUNTING
        assert [one.token for one in told(OTHER)] == [TOKEN]
        assert _all_or_none(_calls(machine, dialect.history([OTHER, TOKEN])))

    def _submitted(
        self, folder: Path, executable: str, tools: Mapping[str, str]
    ) -> tuple[FakeMachine, Dialect]:
        machine = FakeMachine(folder, self.tools)
        dialect = self.dialect(machine.layout)
        machine.run(folders.Base(machine.layout).script())
        machine.submit(dialect, self.request(executable=executable))
        for name, does in tools.items():
            machine.tool(name, does)
        return machine, dialect

    def _heard(self, tell: Callable[[], list[JobReport]]) -> JobReport:
        """The one report: at once, or when a job that really runs has got so far."""
        deadline = time.monotonic() + (0 if self.tools else _PATIENCE)
        while not (reports := tell()):
            assert time.monotonic() < deadline, f"nothing is told of the job {TOKEN}"
            time.sleep(0.1)
        assert len(reports) == 1, reports
        return reports[0]


def _options(name: str, value: object) -> dict[str, object]:
    return {"options": JobOptions.model_validate({name: value})}


def _of_queue(machine: FakeMachine, dialect: Dialect, *tokens: Token) -> list[JobReport]:
    jobs = dialect.jobs(tokens)
    return jobs.parse(machine.run(jobs.script()))


def _calls(machine: FakeMachine, question: Command[object]) -> Sequence[Sequence[str]]:
    before = len(machine.calls())
    machine.run(question.script())
    return machine.calls()[before:]


def _all_or_none(calls: Sequence[Sequence[str]]) -> bool:
    """Whether no job is named, or each of them is."""
    named = [any(one in word for call in calls for word in call) for one in (TOKEN, OTHER)]
    return all(named) or not any(named)
