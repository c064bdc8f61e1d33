"""A batch system whose queue answers while its accounts do not."""

import asyncio
from pathlib import Path

import pytest

from events.jobs import JobState, Token
from interfaces.machines.connection import CommandFailed
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.slurm import Slurm
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
