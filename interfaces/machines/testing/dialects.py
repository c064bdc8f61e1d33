"""The promises of a dialect about its scripts, its submissions and its wrapper."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from events.jobs import MOST_INSTANCES, JobId, JobOptions, JobRequest
from interfaces.machines.connection import Completed, MachineError
from interfaces.machines.dialect import Command, Dialect, InDoubt, Refused, Submitted
from interfaces.machines.scripts import folders
from interfaces.machines.scripts.submission import Submission
from interfaces.machines.scripts.wrapper import IS_COPY
from interfaces.machines.testing.fake_machine import FakeMachine
from interfaces.machines.testing.given import TOKEN, Given
from interfaces.machines.testing.promises import RequestPromises, WitnessPromises

HOSTILE = (
    "$(touch pwned)", "`touch pwned`", "a;touch pwned", "it's", '"', "-x", "--", "a b", "*", "\\",
    "a&touch pwned", "|touch pwned", "~", "!x", "é中🔥", "#",
)  # fmt: skip


class DialectContract(RequestPromises, WitnessPromises):
    """Subclass it; see the package."""

    def test_scripts_are_pure_and_good_shell(self, tmp_path: Path) -> None:
        dialect = self.dialect(FakeMachine(tmp_path, {}).layout)
        for request in _hostile_requests():
            for command in _commands(dialect, request):
                script = command.script()
                assert script == command.script()
                parsed = subprocess.run(["/bin/sh", "-n"], input=script, text=True, check=False)
                assert parsed.returncode == 0

    def test_words_reach_the_batch_system_as_they_are(self, tmp_path: Path) -> None:
        taken = 0
        for n, request in enumerate(_hostile_requests()):
            machine = FakeMachine(tmp_path / str(n), self.tools)
            dialect = self.dialect(machine.layout)
            answer = _answer(dialect, request, machine.submit(dialect, request))
            assert not machine.pwned
            taken += isinstance(answer, Submitted)
            if self.tools and isinstance(answer, Submitted):
                told = [word for call in machine.calls() for word in call]
                missing = {value for value in _words(request) if not any(value in w for w in told)}
                assert not missing
        assert taken >= len(HOSTILE)

    def test_a_submission_goes_out_once_and_keeps_its_answer(self, tmp_path: Path) -> None:
        machine = FakeMachine(tmp_path, self.tools)
        dialect, request = self.dialect(machine.layout), self.request()
        answers = [_answer(dialect, request, machine.submit(dialect, request)) for _ in range(3)]
        assert all(isinstance(one, Submitted) and one.job_id == self.job_id for one in answers)
        assert len(machine.calls()) == bool(self.tools)

    def test_what_was_not_taken_now_goes_out_again(self, tmp_path: Path) -> None:
        machine = FakeMachine(tmp_path, self.tools)
        dialect, request = self.dialect(machine.layout), self.request()
        for text in dialect.not_now:
            for tool in self.tools:
                machine.tool(tool, f"echo 'sorry: {text} today' >&2; exit 1")
            refused = _answer(dialect, request, machine.submit(dialect, request))
            assert isinstance(refused, Refused)
            assert not refused.permanent
        for tool, does in self.tools.items():
            machine.tool(tool, does)
        assert isinstance(_answer(dialect, request, machine.submit(dialect, request)), Submitted)

    def test_what_nobody_understands_is_in_doubt(self, tmp_path: Path) -> None:
        submit = self.dialect(FakeMachine(tmp_path, {}).layout).submit(self.request(), 1)
        for unknown in (
            Completed(0, "", ""),
            Completed(0, "what?\n", ""),
            Completed(1, "", "what?\n"),
            Completed(1, "", ""),
            Completed(124, "", ""),
            Completed(137, f"{self.job_id}\n", ""),
        ):
            assert _is_doubt(submit, unknown), unknown

    def test_no_answer_is_not_an_empty_answer(self, tmp_path: Path) -> None:
        dialect = self.dialect(FakeMachine(tmp_path, {}).layout)
        for question in _questions(dialect, self.request()):
            assert _fails(question, Completed(1, "", "cannot connect to the server\n")), question

    def test_commands_that_fail_are_no_answer(self, tmp_path: Path) -> None:
        """Whoever asked one and heard nothing must not believe that there is nothing: whether all
        of them fail, or one of several."""
        does = {**self.tools, **self.queue, **(self.accounts or {})}
        for n, failing in enumerate(({*does}, *({name} for name in does))):
            machine = FakeMachine(tmp_path / str(n), {**does, **dict.fromkeys(failing, _FAIL)})
            dialect = self.dialect(machine.layout)
            for question in _questions(dialect, self.request()):
                before = len(machine.calls())
                completed = machine.run(question.script())
                if failing & {call[0] for call in machine.calls()[before:]}:
                    assert _fails(question, completed), question

    def test_the_program_starts_once_whoever_comes(self, tmp_path: Path) -> None:
        machine = FakeMachine(tmp_path, self.tools)
        dialect, request = self.dialect(machine.layout), self.request()
        machine.run(folders.Prepare(machine.layout, TOKEN).script())
        first = machine.run(dialect.wrapper(request, 1), **self.variables)
        others = {name: f"{value}9" for name, value in self.variables.items()}
        second = machine.run(dialect.wrapper(request, 2), **others)
        assert (first.exit_status, second.exit_status) == (0, IS_COPY)
        witness = Path(machine.layout.folder(TOKEN)) / "witness"
        assert witness.read_text() == "started\n"
        claim = Path(machine.layout.ours(TOKEN)) / "claim"
        assert str(claim.readlink()) == self.job_id

    def test_each_instance_of_an_array_runs_once_by_its_number(self, tmp_path: Path) -> None:
        machine = FakeMachine(tmp_path, self.tools)
        dialect = self.dialect(machine.layout)
        request = self.request(instances=2, executable="echo $VESTEC_INSTANCE >>witness")
        machine.run(folders.Prepare(machine.layout, TOKEN).script())
        for variables in self.array:
            assert machine.run(dialect.wrapper(request, 1), **variables).exit_status == 0
        numbers = range(len(self.array))
        folder, ours = (Path(of(TOKEN)) for of in (machine.layout.folder, machine.layout.ours))
        witness = folder / "witness"
        told = witness.read_text().split() if witness.exists() else []
        assert told == [str(n) for n in numbers]
        assert len({(ours / f"claim.{n}").readlink() for n in numbers}) == len(numbers)

    def test_a_job_that_is_no_array_is_told_nothing_of_arrays(self, tmp_path: Path) -> None:
        layout = FakeMachine(tmp_path, self.tools).layout
        script = Submission(self.request(), 1, layout, self.dialect(layout)).script()
        assert "instance" not in script.lower()

    def test_an_array_is_one_submission_unless_it_is_too_large(self, tmp_path: Path) -> None:
        machine = FakeMachine(tmp_path, self.tools)
        dialect = self.dialect(machine.layout)
        most = dialect.most_instances or MOST_INSTANCES
        assert most > 1 or not self.array
        for n, instances in enumerate(size for size in (2, most + 1) if size <= MOST_INSTANCES):
            request = self.request(instances=instances, token=f"{TOKEN}{n}")
            submission = Submission(request, 1, machine.layout, dialect)
            answer = submission.parse(machine.submit(dialect, request))
            if instances <= most:
                assert isinstance(answer, Submitted)
            else:
                assert isinstance(answer, Refused)
                assert answer.permanent
                assert str(most) in answer.reason
        assert len(machine.calls()) == bool(self.tools and self.array)

    def test_wishes_name_the_job_and_no_other(self, tmp_path: Path) -> None:
        """Each command that a wish comes to has the job's token or its id among its words; one has
        the token, since batch systems give ids again."""
        for n, kind in enumerate((_cancel, _cancel_known, _hold, _release)):
            machine = FakeMachine(tmp_path / str(n), self.tools)
            machine.run(kind(self, self.dialect(machine.layout)).script())
            calls = machine.calls()
            assert any(TOKEN in word for call in calls for word in call) == bool(self.tools)
            for call in calls:
                assert any(TOKEN in word or self.job_id in word for word in call), call
                assert not any("*" in word for word in call), call


def _cancel(_: Given, dialect: Dialect) -> Command[None]:
    return dialect.cancel(TOKEN, None)


def _cancel_known(given: Given, dialect: Dialect) -> Command[None]:
    return dialect.cancel(TOKEN, JobId(given.job_id))


def _hold(_: Given, dialect: Dialect) -> Command[None]:
    return dialect.hold(TOKEN)


def _release(_: Given, dialect: Dialect) -> Command[None]:
    return dialect.release(TOKEN)


_FAIL = "echo 'cannot connect to the server' >&2; exit 1"


def _questions(dialect: Dialect, request: JobRequest) -> tuple[Command[object], ...]:
    return (
        dialect.check(),
        dialect.jobs([TOKEN]),
        dialect.history([TOKEN]),
        dialect.cancel(TOKEN, None),
        dialect.hold(TOKEN),
        dialect.release(TOKEN),
        dialect.estimate(request),
        dialect.load(),
    )


def _hostile_requests() -> Iterator[JobRequest]:
    """What a dialect may refuse stands alone, so that all the rest is taken and told."""
    for word in HOSTILE:
        options = JobOptions(queue=word, account=word)
        yield JobRequest(
            token=TOKEN,
            executable=word,
            walltime=60,
            constraint=word,
            comment=word,
            options=options,
        )
    for name in ("qos", "reservation"):
        options = JobOptions.model_validate({name: HOSTILE[0]})
        yield JobRequest(token=TOKEN, executable="true", walltime=60, options=options)


def _words(request: JobRequest) -> set[str]:
    options = request.options
    said = (options.queue, options.account, options.qos, options.reservation)
    return {word for word in (*said, request.constraint) if word}


def _commands(dialect: Dialect, request: JobRequest) -> tuple[Command[object], ...]:
    return (
        dialect.submit(request, 1),
        dialect.estimate(request),
        dialect.jobs([request.token]),
        dialect.site(),
    )


def _answer(dialect: Dialect, request: JobRequest, completed: Completed) -> Submitted | Refused:
    return dialect.submit(request, 1).parse(completed)


def _is_doubt(command: Command[object], completed: Completed) -> bool:
    try:
        command.parse(completed)
    except InDoubt:
        return True
    return False


def _fails(command: Command[object], completed: Completed) -> bool:
    try:
        command.parse(completed)
    except MachineError:
        return True
    return False
