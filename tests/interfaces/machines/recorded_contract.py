"""What every dialect makes of what its batch system answered, file by file."""

from collections.abc import Mapping, Set
from typing import ClassVar

import pytest

from events.jobs import JobId, JobRequest, Token
from interfaces.machines.connection import CommandFailed, Completed
from interfaces.machines.dialect import Command, Dialect, InDoubt, Refused, Submitted
from tests.interfaces.machines.recordings import names, recorded

REQUEST = JobRequest(token=Token("v1"), executable="true", walltime=60)


class RecordedContract:
    """Held against what was recorded of one batch system."""

    system: ClassVar[str]
    dialect: ClassVar[Dialect]
    accepted: ClassVar[Mapping[str, str]]
    """Submissions, and the ids of the jobs."""
    refused: ClassVar[Mapping[str, str]]
    """Submissions that can never be taken, and what is said."""
    doubtful: ClassVar[Mapping[str, str]]
    """Submissions of which nobody knows, and what is said."""
    fails: ClassVar[Mapping[str, tuple[Command[object], str]]]
    """Answers to commands that say nothing about jobs, and what is said instead."""
    taken: ClassVar[Set[str]]
    """Wishes about jobs that are there, or gone."""
    others: ClassVar[Set[str]]
    """What is tested beside this contract."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Each test that wants a `name` is run on every file of the table it is about."""
        tables = {
            "test_accepted": self.accepted,
            "test_refused_for_ever": self.refused,
            "test_in_doubt": self.doubtful,
            "test_no_answer_says_nothing_about_jobs": self.fails,
            "test_wishes_are_taken_and_what_is_gone_needs_none": self.taken,
        }
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", sorted(tables[metafunc.function.__name__]))

    def answer(self, name: str) -> Completed:
        return recorded(self.system, name).completed

    def test_every_file_is_tested(self) -> None:
        known = {*self.accepted, *self.refused, *self.doubtful, *self.fails, *self.taken}
        assert known | self.others == names(self.system)

    def test_accepted(self, name: str) -> None:
        said = self.dialect.submit(REQUEST, 1).parse(self.answer(name))
        assert said == Submitted(JobId(self.accepted[name]))

    def test_refused_for_ever(self, name: str) -> None:
        said = self.dialect.submit(REQUEST, 1).parse(self.answer(name))
        assert isinstance(said, Refused)
        assert said.permanent
        assert self.refused[name] in said.reason

    def test_in_doubt(self, name: str) -> None:
        with pytest.raises(InDoubt, match=self.doubtful[name]) as doubt:
            self.dialect.submit(REQUEST, 1).parse(self.answer(name))
        assert doubt.value.wait > self.dialect.lag

    def test_no_answer_says_nothing_about_jobs(self, name: str) -> None:
        command, said = self.fails[name]
        with pytest.raises(CommandFailed, match=said):
            command.parse(self.answer(name))

    def test_wishes_are_taken_and_what_is_gone_needs_none(self, name: str) -> None:
        self.dialect.cancel(Token("v1"), None).parse(self.answer(name))
