"""Witnesses that do not agree: accounts that are away, a job that ends between two questions."""

import asyncio
from pathlib import Path

import pytest

from events.jobs import JobState, Token, Witness
from interfaces.machines.connection import CommandFailed
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.scripts.layout import quoted
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.testing import FakeMachine
from tests.interfaces.machines.fake_connection import FakeConnection

ROW = r"42\037v1\037RUNNING\037None\037N/A\037N/A\037n1\0370\0370\037\n"


def test_the_queue_is_heard_and_nothing_is_proved(tmp_path: Path) -> None:
    here, gone = Token("v1"), Token("v2")
    down = "echo 'sacct: error: Problem talking to the database' >&2; exit 1"
    machine = FakeMachine(tmp_path, {"squeue": f"printf '{ROW}'", "sacct": down})
    Path(machine.layout.jobs).mkdir(parents=True)
    system = ShellBatchSystem(FakeConnection(machine), Slurm(machine.layout), machine.layout)
    [report] = asyncio.run(system.observe([here, gone], ask_scheduler=True))
    assert (report.token, report.state) == (here, JobState.RUNNING)
    assert here in asyncio.run(system.find([here]))
    with pytest.raises(CommandFailed, match="talking to the database"):
        asyncio.run(system.find([here, gone]))


@pytest.mark.parametrize("queue_forgets", [True, False])
def test_the_word_of_a_wrapper_that_ends_while_the_queue_is_asked_is_the_best(
    tmp_path: Path, queue_forgets: bool
) -> None:
    """Its program was ended by the warning, which neither the queue nor the accounts know."""
    line = r"TIMEOUT\tv1\t1\t42\tn1\t5\t9\t143\n"
    row = r"42\037v1\037FAILED\0375\0379\037n1\037143:0\0370\n"
    shown = "" if queue_forgets else f"; printf '{ROW.replace('RUNNING', 'FAILED')}'"
    machine = FakeMachine(tmp_path, {"sacct": f"printf '{row}'"})
    ours = Path(machine.layout.ours(Token("v1")))
    ours.mkdir(parents=True)
    machine.tool("squeue", f"printf '{line}' >{quoted(ours / 'status-1')}{shown}")
    system = ShellBatchSystem(FakeConnection(machine), Slurm(machine.layout), machine.layout)
    found = asyncio.run(system.find([Token("v1")]))
    assert found[Token("v1")].state is JobState.TIMEOUT


def test_a_job_that_claimed_its_run_has_begun_though_nobody_says_more(tmp_path: Path) -> None:
    """Of one whose wrapper had no room for its first word, say."""
    machine = FakeMachine(tmp_path, {"squeue": "", "sacct": ""})
    ours = Path(machine.layout.ours(Token("v1")))
    ours.mkdir(parents=True)
    (ours / "claim").symlink_to("42")
    system = ShellBatchSystem(FakeConnection(machine), Slurm(machine.layout), machine.layout)
    found = asyncio.run(system.find([Token("v1"), Token("v2")]))
    assert [(one.part, one.state, one.job_id) for one in found.values()] == [
        ("v1", JobState.ENDING, "42")
    ]


@pytest.mark.parametrize(("word", "state"), [("RUNNING", "RUNNING"), ("PENDING", "QUEUED")])
def test_what_the_accounts_still_call_alive_is_not_gone(
    tmp_path: Path, word: str, state: str
) -> None:
    row = rf"42\037v1\037{word}\037None\0375\037Unknown\037n1\0370:0\n"
    machine = FakeMachine(tmp_path, {"squeue": "", "sacct": f"printf '{row}'"})
    Path(machine.layout.jobs).mkdir(parents=True)
    system = ShellBatchSystem(FakeConnection(machine), Slurm(machine.layout), machine.layout)
    [found] = asyncio.run(system.find([Token("v1")])).values()
    assert (found.state, found.witness) == (state, Witness.ACCOUNTING)
    assert (found.exit_code, found.ended) == (None, None)
