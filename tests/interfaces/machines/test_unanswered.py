"""Commands that were not answered: whatever else they say, nobody knows what became of the wish."""

from pathlib import Path, PurePosixPath

import pytest

from events.jobs import JobRequest
from interfaces.machines.connection import CommandFailed, Completed, MachineError
from interfaces.machines.dialect import Dialect, InDoubt, Refused
from interfaces.machines.dialects.lsf import Lsf
from interfaces.machines.dialects.pbs import Pbs
from interfaces.machines.dialects.sge import GridEngine
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.scripts.folders import Prepare
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.scripts.submission import Submission
from interfaces.machines.testing import TOKEN, FakeMachine

REQUEST = JobRequest(token=TOKEN, executable="true", walltime=60)
LAYOUT = Layout(PurePosixPath("/base"))
UNANSWERED: list[tuple[Dialect, str]] = [
    (Slurm(LAYOUT), "Socket timed out on send/recv operation"),
    (GridEngine(LAYOUT), "failed receiving gdi request response for mid=1"),
    (Pbs(LAYOUT), "qsub: End of File"),
    (Lsf(LAYOUT), "Failed in an LSF library call: Communication time out"),
]
dialects = pytest.mark.parametrize(("dialect", "text"), UNANSWERED)


@dialects
def test_no_refusal_beats_it(dialect: Dialect, text: str) -> None:
    submit = dialect.submit(REQUEST, 1)
    refusal = f"error: {dialect.not_now[0]}"
    assert isinstance(submit.parse(Completed(1, "", refusal)), Refused)
    for said in (f"{refusal}\n{text}", f"{text}\n{refusal}", f"{text}\n{refusal:1001}"):
        with pytest.raises(InDoubt):
            submit.parse(Completed(1, "", said))
    with pytest.raises(InDoubt):
        submit.parse(Completed(124, "", refusal))


def test_nor_does_one_for_ever() -> None:
    said = "sbatch: error: Invalid --gres-flags specification"
    submit = Slurm(LAYOUT).submit(REQUEST, 1)
    assert submit.parse(Completed(1, "", said)) == Refused(said, permanent=True)
    with pytest.raises(InDoubt, match="Socket timed out"):
        submit.parse(Completed(1, "", f"{said}\nsbatch: error: Socket timed out"))


@pytest.mark.parametrize("end", ["echo Socket timed out >&2; exit 1", "exit 124"])
def test_such_an_answer_is_kept_and_the_submission_does_not_go_out_again(
    tmp_path: Path, end: str
) -> None:
    machine = FakeMachine(tmp_path, {"sbatch": f"echo {Slurm.not_now[0]} >&2; {end}"})
    machine.run(Prepare(machine.layout, TOKEN).script())
    mine = Submission(REQUEST, 1, machine.layout, Slurm(machine.layout))
    for _ in range(2):
        with pytest.raises(InDoubt):
            mine.parse(machine.run(mine.script()))
    assert [call[0] for call in machine.calls()].count("sbatch") == 1


@dialects
def test_holding_is_refused_only_by_who_has_heard_of_it(dialect: Dialect, text: str) -> None:
    for wish in (dialect.hold(TOKEN), dialect.release(TOKEN)):
        with pytest.raises(CommandFailed, match="Job is running"):
            wish.parse(Completed(1, "", "Job is running"))
        for completed in (Completed(1, text, ""), Completed(124, "", "Job is running")):
            with pytest.raises(MachineError, match="nobody knows") as unheard:
                wish.parse(completed)
            assert not isinstance(unheard.value, CommandFailed)
