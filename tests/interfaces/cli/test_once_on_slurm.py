"""A job on a real Slurm over SSH starts once, whatever happens around its submission.

The witness is the user's program itself. What happens is arranged by an `sbatch` of the test's.
"""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest

from tests.account import Login
from tests.interfaces.cli.vestec import COMMAND, Up, as_json, eventually, up, vestec
from tests.slurm import Slurm, slurm_in_a_folder
from tests.sshd import Sshd

WORKFLOW = '''
"""Runs one job, and keeps what it writes."""

from datetime import timedelta

from workflows import Incident, Workflow

one_job = Workflow("one-job", version=1, title="One job")


@one_job.on_activate
async def start(incident: Incident) -> None:
    done = await incident.simulations.run(
        "one",
        executable="echo started >>witness; sleep 1; echo done >result",
        walltime=timedelta(minutes=1),
        outputs=["result"],
    )
    incident.complete(str(done.state))
'''
REAL = '/usr/bin/sbatch "$@"'


class Far:
    """A system, its machine over SSH, and the Slurm there."""

    def __init__(self, folder: Path, slurm: Slurm, server: Callable[..., Sshd]) -> None:
        self.slurm, self._folder = slurm, folder / "data"
        bin = folder / "bin"
        bin.mkdir()
        self._sbatch = bin / "sbatch"
        environment = {**slurm.login.environment, "PATH": f"{bin}:/usr/bin:/bin"}
        self.login = Login(slurm.login.folder / uuid4().hex, environment)
        self.server = server(f"ForceCommand {self.login.shell(folder / 'shell')}")
        (folder / "one_job.py").write_text(WORKFLOW)
        self.sbatch_is(f"exec {REAL}")
        self._settings: list[str] = []

    def sbatch_is(self, script: str) -> None:
        """Lines of shell that run in its stead, in the user's folder."""
        self._sbatch.write_text(f"#!/bin/sh\n{script}\n")
        self._sbatch.chmod(0o755)

    def up(self, **environment: str) -> AbstractContextManager[Up]:
        usual = {
            "PYTHONPATH": str(self._folder.parent),
            "VESTEC_WORKFLOWS": "one_job:one_job",
            "VESTEC_LOOK": "0.1",
            "VESTEC_ASK": "1",
        }
        return up(self._folder, usual | environment)

    def begin(self, *batch: str) -> str:
        """Add the machine, and an incident whose stage submits a job there; its id."""
        access = self.server.access()
        words = [f"{k}={str(v).lower() if v is False else v}" for k, v in access.items()]
        vestec(
            "machines", "add", "far", "--connection", "ssh", "--dialect", "slurm",
            *(word for one in words for word in ("--access", one)),
            *(word for one in batch for word in ("--batch", one)),
            "--base-directory", self.login.folder / "base", "--enable", "--data", self._folder,
        )  # fmt: skip
        made = as_json("incidents", "create", "one-job", "one", "--data", self._folder)
        # The system may be killed before it answers.
        activate = (COMMAND, "incidents", "activate", made["id"], "--data", str(self._folder))
        self._activating = subprocess.Popen(
            activate, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return str(made["id"])

    def completes(self, id: str, within: float = 90) -> Any:
        """What is known of the incident once it is completed."""

        def completed() -> Any:
            found = as_json("incidents", "show", id, "--data", self._folder)
            assert found["incident"]["status"] != "ERROR", found["stages"]
            return found if found["incident"]["status"] == "COMPLETE" else None

        found = eventually(completed, within)
        (job,) = found["simulations"]
        assert job["state"] == "COMPLETED"
        self._activating.wait(60)
        return found

    @property
    def starts(self) -> int:
        """How often the program says that it was started."""
        said = (place.read_text() for place in self.login.folder.glob("base/jobs/*/witness"))
        return sum(len(text.splitlines()) for text in said)

    @property
    def copies(self) -> int:
        """How many were turned away."""
        return len([*self.login.folder.glob("base/jobs/*/.vestec/copy-*")])

    def marked(self, name: str) -> bool:
        return (self.login.folder / name).exists()


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="v", dir="/tmp") as parent:
        Path(parent).chmod(0o755)
        yield Path(parent)


@pytest.fixture
def far(folder: Path, slurm: Slurm, sshds: Callable[..., Sshd]) -> Far:
    return Far(folder, slurm, sshds)


@pytest.fixture(scope="module")
def plain_slurm() -> Iterator[Slurm]:
    """A Slurm without accounting."""
    with slurm_in_a_folder(accounting=False) as running:
        yield running


@pytest.fixture
def plain(folder: Path, plain_slurm: Slurm, sshds: Callable[..., Sshd]) -> Far:
    return Far(folder, plain_slurm, sshds)


@pytest.mark.parametrize("moment", ["before submission", "after submission"])
def test_killed_at_a_named_moment(moment: str, far: Far) -> None:
    with far.server:
        with far.up(VESTEC_CRASH_AT=moment) as system:
            id = far.begin()
            assert system.process.wait(60) == -signal.SIGKILL
        with far.up():
            far.completes(id)
        assert (far.starts, far.copies) == (1, 0)
