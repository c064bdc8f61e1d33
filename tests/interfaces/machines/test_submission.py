"""The script of a submission where its machine is against it."""

from pathlib import Path

import pytest

from events.jobs import JobId, JobRequest
from interfaces.machines import folders
from interfaces.machines.dialect import Refused, Submitted
from interfaces.machines.slurm import Slurm
from interfaces.machines.submission import Submission
from interfaces.machines.testing import TOKEN, FakeMachine

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
    assert answer == Refused("cannot write into the folder of the job", permanent=False)
