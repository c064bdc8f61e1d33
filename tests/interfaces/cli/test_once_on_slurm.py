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
from tests.servers import database_url, server_url
from tests.slurm import Slurm, slurm_in_a_folder
from tests.sshd import Sshd

__all__ = ["database_url", "server_url"]

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
GIVES_UP = "echo 'sbatch: error: Batch job submission failed: Socket timed out' >&2; exit 1"
"""What says nothing of whether the job was taken."""


class Far:
    """A system, its machine over SSH, and the Slurm there."""

    def __init__(self, folder: Path, slurm: Slurm, server: Callable[..., Sshd]) -> None:
        self.slurm, self.folder = slurm, folder / "data"
        """Of the system; a test may let another one go on in another."""
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
        """Lines of shell that run in its stead; `mark NAME` makes a mark."""
        mark = f'mark() {{ touch "{self.login.folder}/$1"; }}'
        self._sbatch.write_text(f"#!/bin/sh\n{mark}\n{script}\n")
        self._sbatch.chmod(0o755)

    def up(self, **environment: str) -> AbstractContextManager[Up]:
        usual = {
            "PYTHONPATH": str(self.folder.parent),
            "VESTEC_WORKFLOWS": "one_job:one_job",
            "VESTEC_LOOK": "0.1",
            "VESTEC_ASK": "1",
            "VESTEC_LEASE": "1.5",
        }
        return up(self.folder, usual | environment)

    def begin(self, *batch: str) -> str:
        """Add the machine, and an incident whose stage submits a job there; its id."""
        access = self.server.access()
        words = [f"{k}={str(v).lower() if v is False else v}" for k, v in access.items()]
        vestec(
            "machines", "add", "far", "--connection", "ssh", "--dialect", "slurm",
            *(word for one in words for word in ("--access", one)),
            *(word for one in batch for word in ("--batch", one)),
            "--base-directory", self.login.folder / "base", "--enable", "--data", self.folder,
        )  # fmt: skip
        made = as_json("incidents", "create", "one-job", "one", "--data", self.folder)
        # The system may be killed before it answers.
        activate = (COMMAND, "incidents", "activate", made["id"], "--data", str(self.folder))
        self._activating = subprocess.Popen(
            activate, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return str(made["id"])

    def completes(self, id: str, within: float = 90) -> Any:
        """What is known of the incident once it is completed."""

        def completed() -> Any:
            found = as_json("incidents", "show", id, "--data", self.folder)
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

    @property
    def submissions(self) -> int:
        return len([*self.login.folder.glob("base/jobs/*/.vestec/submission-*")])

    def require_one_start(self, submissions: int = 1, copies: int = 0) -> None:
        """Of the program, by so many submissions, of which so many copies were turned away."""
        assert (self.starts, self.submissions, self.copies) == (1, submissions, copies)

    def marked(self, name: str) -> None:
        """Wait for a mark."""
        eventually((self.login.folder / name).exists, 60)


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
        far.require_one_start()


@pytest.mark.parametrize(
    "sbatch",
    [f"mark here; sleep 3; exec {REAL}", f"{REAL}; code=$?; mark here; sleep 3; exit $code"],
    ids=["before it has submitted", "after it has submitted"],
)
def test_killed_under_sbatch(sbatch: str, far: Far) -> None:
    far.sbatch_is(sbatch)
    with far.server:
        with far.up() as system:
            id = far.begin()
            far.marked("here")
            system.process.kill()
        with far.up():
            far.completes(id)
        far.require_one_start()


def test_the_connection_is_cut_under_sbatch(far: Far) -> None:
    far.sbatch_is(f"mark here; sleep 3; exec {REAL}")
    with far.server, far.up():
        id = far.begin()
        far.marked("here")
        far.server.kill()
        far.server.start()
        far.completes(id)
        far.require_one_start()


def test_the_controller_is_frozen_under_sbatch_and_takes_the_job_later(plain: Far) -> None:
    plain.sbatch_is(f"mark here; {REAL}; code=$?; mark gave-up-$code; exit $code")
    with plain.server, plain.up():
        plain.slurm.controller.freeze()
        try:
            id = plain.begin("accounting=false", "lag=2", "late=20")
            plain.marked("here")
            plain.marked("gave-up-1")
        finally:
            plain.slurm.controller.thaw()
        plain.completes(id)
        plain.require_one_start()


def late(far: Far, seconds: int) -> str:
    """The first `sbatch` gives up, and takes effect so many seconds later."""
    landing = f"sleep {seconds}; {REAL}; touch {far.login.folder}/landed"
    first = f"setsid -f sh -c '{landing}' sbatch \"$@\"; {GIVES_UP}"
    return f"if mkdir {far.login.folder}/first; then {first}; fi; exec {REAL}"


def test_sbatch_takes_effect_while_it_is_in_doubt(far: Far) -> None:
    far.sbatch_is(late(far, 4))
    with far.server, far.up():
        id = far.begin("lag=1", "late=40")
        far.completes(id)
        far.require_one_start()


def test_sbatch_takes_effect_long_after_the_job_was_submitted_again(far: Far) -> None:
    far.sbatch_is(late(far, 10))
    with far.server, far.up():
        id = far.begin("lag=1", "late=1")
        far.completes(id)
        far.require_one_start(submissions=2)
        far.marked("landed")
        eventually(lambda: far.copies)
        far.require_one_start(submissions=2, copies=1)


def test_a_job_is_over_and_gone_from_the_queue_before_it_is_looked_up(plain: Far) -> None:
    plain.sbatch_is(
        f'{REAL} >/dev/null; until test -z "$(squeue -h -t all)"; do sleep 0.1; done; {GIVES_UP}'
    )
    with plain.server, plain.up():
        id = plain.begin("accounting=false")
        plain.completes(id)
        plain.require_one_start()


def test_accounting_is_down_for_the_whole_life_of_a_job(
    folder: Path, sshds: Callable[..., Sshd]
) -> None:
    with slurm_in_a_folder() as slurm:
        far = Far(folder, slurm, sshds)
        assert slurm.accounting
        slurm.accounting.daemon.kill()
        with far.server, far.up():
            id = far.begin()
            far.completes(id)
            far.require_one_start()


def test_stopped_before_submission_and_continued_when_another_has_taken_over(
    far: Far, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = far.folder
    monkeypatch.setenv("VESTEC_LOG", database_url)
    monkeypatch.setenv("VESTEC_BLOBS", f"file://{first.parent}/blobs")
    with far.server, far.up(VESTEC_STOP_AT="before submission") as stopped:
        id = far.begin()
        eventually(lambda: state(stopped.process.pid) == "T", 60)
        far.folder = first.with_name("other")
        with far.up():
            far.completes(id)
        far.folder = first
        before = far.server.log().count("Starting session")
        stopped.process.send_signal(signal.SIGCONT)
        # Alone now, it goes on with what it was about to do there.
        eventually(lambda: far.server.log().count("Starting session") > before)
        far.completes(id)
        far.require_one_start()


def state(pid: int) -> str:
    """`T`: stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
