"""The script of a submission where its machine is against it."""

import shutil
from pathlib import Path

import pytest

from events.jobs import JobId, JobRequest
from interfaces.machines.connection import MIB, CommandCut, Completed, NoRoom
from interfaces.machines.dialect import InDoubt, Refused, Submitted
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.scripts import folders
from interfaces.machines.scripts.submission import DEADLINE, REMOTE_LIMIT, Submission
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.testing import TOKEN, FakeMachine
from tests.interfaces.machines.fake_connection import FakeConnection

REQUEST = JobRequest(token=TOKEN, executable="true", walltime=60)
NO_LOCKS = "echo 'flock: 9: No locks available' >&2; exit 71"
NOT_NOW = f"echo '{Slurm.not_now[0]}' >&2; exit 1"
WHILE_ONE_JUDGES = """
/usr/bin/grep "$@" || exit
mkdir "$HOME/other" 2>/dev/null && sh "$HOME/other.sh" >"$HOME/said" 2>&1
exit 0
"""
"""The same submission is repeated, by another process."""


def submission(machine: FakeMachine) -> Submission:
    return Submission(REQUEST, 1, machine.layout, Slurm(machine.layout))


def test_a_submission_goes_out_once_on_a_file_system_without_locks(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, {"flock": NO_LOCKS, "sbatch": NOT_NOW})
    machine.run(folders.Prepare(machine.layout, TOKEN).script())
    mine = submission(machine)
    for _ in range(2):
        turned_down = mine.parse(machine.run(mine.script()))
        assert isinstance(turned_down, Refused)
        assert not turned_down.permanent
    machine.tool("sbatch", "echo 42")
    machine.tool("grep", WHILE_ONE_JUDGES)
    (tmp_path / "other.sh").write_text(mine.script())
    assert mine.parse(machine.run(mine.script())) == Submitted(JobId("42"))
    assert (tmp_path / "said").read_text() == "42\n"
    assert [call[0] for call in machine.calls()].count("sbatch") == 3


def test_an_answer_that_was_cut_is_waited_for_as_long_as_it_may_come(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, {"sbatch": "kill -9 $PPID"})
    dialect = Slurm(machine.layout)
    machine.submit(dialect, REQUEST)
    (Path(machine.layout.ours(TOKEN)) / "submission-1" / "exit").unlink()
    with pytest.raises(InDoubt, match="was cut") as doubt:
        submission(machine).parse(machine.run(submission(machine).script()))
    assert doubt.value.wait == dialect.settings.lag + dialect.settings.late


def test_another_that_is_under_way_is_waited_for_as_well(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, {"flock": "exit 1"})
    with pytest.raises(InDoubt, match="under way") as doubt:
        submission(machine).parse(machine.submit(Slurm(machine.layout), REQUEST))
    assert doubt.value.wait == REMOTE_LIMIT + Slurm(machine.layout).doubt


class Cut(FakeConnection):
    """Nobody hears a submission's answer."""

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        if deadline == DEADLINE:
            raise CommandCut("a command was cut: its end was not seen")
        return await super().run(script, deadline=deadline, output_limit=output_limit)


async def test_a_submission_that_nobody_heard_of_may_still_take_its_time(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, {})
    dialect = Slurm(machine.layout)
    machine.run(folders.Prepare(machine.layout, TOKEN).script())
    with pytest.raises(InDoubt, match="is unknown") as doubt:
        await ShellBatchSystem(Cut(machine), dialect, machine.layout).submit(REQUEST, 1)
    assert doubt.value.wait == DEADLINE + dialect.doubt


def test_what_was_turned_down_does_not_pile_up(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, {"sbatch": NOT_NOW})
    for _ in range(4):
        machine.submit(Slurm(machine.layout), REQUEST)
    assert [call[0] for call in machine.calls()].count("sbatch") == 4
    assert len(list(Path(machine.layout.ours(TOKEN)).iterdir())) <= 3


@pytest.mark.parametrize("tools", [{}, {"flock": NO_LOCKS}])
def test_a_folder_that_cannot_be_written_to_turns_a_submission_down(
    tmp_path: Path, tools: dict[str, str]
) -> None:
    machine = FakeMachine(tmp_path, {"sbatch": "echo 42", **tools})
    machine.run(folders.Prepare(machine.layout, TOKEN).script())
    (Path(machine.layout.ours(TOKEN)) / "submitting").mkdir()
    answer = submission(machine).parse(machine.run(submission(machine).script()))
    assert isinstance(answer, Refused)
    assert answer.reason.startswith("cannot write into the folder of the job: ")
    assert not answer.permanent


def test_that_nothing_can_be_written_is_no_doubt(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, {"sbatch": "echo 42"})
    machine.run(folders.Prepare(machine.layout, TOKEN).script())
    mine, no_bytes = submission(machine), "trap '' XFSZ; ulimit -f 0\n"
    with pytest.raises(NoRoom, match="is a quota or the disk full"):
        mine.parse(machine.run(no_bytes + mine.script()))
    assert mine.parse(machine.run(mine.script())) == Submitted(JobId("42"))


def test_what_a_shell_complains_of_does_not_hide_what_is_said(tmp_path: Path) -> None:
    said = "sh: 19: echo: echo: I/O error\nvestec: the submission was cut\n"
    with pytest.raises(InDoubt, match="was cut"):
        submission(FakeMachine(tmp_path, {})).parse(Completed(75, "", said))


async def test_a_folder_that_is_gone_is_a_doubt_and_is_not_made_anew(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, {})
    system = ShellBatchSystem(FakeConnection(machine), Slurm(machine.layout), machine.layout)
    await system.prepare(TOKEN, {})
    await system.prepare(TOKEN, {}, again=True)
    shutil.rmtree(machine.layout.folder(TOKEN))
    for _ in range(2):
        with pytest.raises(InDoubt, match="is gone") as doubt:
            await system.prepare(TOKEN, {}, again=True)
    assert doubt.value.wait == DEADLINE + Slurm(machine.layout).doubt
