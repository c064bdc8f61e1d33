"""A whole system and its machine over SSH with a real batch system, for tests of starting once.

The witness is the user's program itself. A submit command of the test's arranges what happens.
"""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.account import Login, open_folder
from tests.interfaces.cli.vestec import COMMAND, Up, as_json, eventually, up, vestec
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
REAL = 'real "$@"'
"""What a test's submit command calls to submit."""
GIVES_UP = "echo 'Socket timed out' >&2; exit 1"
"""What says nothing of whether the job was taken."""


class Far:
    """A system, its machine over SSH, and the batch system there."""

    def __init__(
        self,
        folder: Path,
        login: Login,
        server: Callable[..., Sshd],
        dialect: str = "slurm",
        submit: str = "sbatch",
    ) -> None:
        """`submit` is the batch system's command, in whose place a test may put its own."""
        self.folder = folder / "data"
        """Of the system; a test may let another one go on in another."""
        self._dialect = dialect
        self._telling: list[subprocess.Popen[bytes]] = []
        bin = folder / "bin"
        bin.mkdir()
        self._submit, self._real = bin / submit, f"/usr/bin/{submit}"
        environment = {**login.environment, "PATH": f"{bin}:/usr/bin:/bin"}
        self.login = Login(login.folder / uuid4().hex, environment, login.entering)
        self.server = server(f"ForceCommand {self.login.shell(folder / 'shell')}")
        (folder / "one_job.py").write_text(WORKFLOW)
        self.submit_by(REAL)

    def submit_by(self, script: str) -> None:
        """Lines of shell that run as its submit command; `mark NAME` makes a mark."""
        mark = f'mark() {{ touch "{self.login.folder}/$1"; }}'
        real = f'real() {{ {self._real} "$@"; }}'
        self._submit.write_text(f"#!/bin/sh\n{mark}\n{real}\n{script}\n")
        self._submit.chmod(0o755)

    def submit_late(self, until: str) -> None:
        """The first one gives up, and takes effect once a command of shell has succeeded."""
        wait = f"for _ in $(seq 1800); do {until} && break; sleep 0.1; done"
        landing = f"({wait}; {REAL}) >/dev/null 2>&1 &"
        self.submit_by(f"if mkdir {self.login.folder}/first; then {landing} {GIVES_UP}; fi; {REAL}")

    def up(self, **environment: str) -> AbstractContextManager[Up]:
        usual = {
            "PYTHONPATH": str(self.folder.parent),
            "VESTEC_WORKFLOWS": "one_job:one_job",
            "VESTEC_LOOK": "0.1",
            "VESTEC_ASK": "1",
            "VESTEC_LEASE": "1.5",
        }
        return up(self.folder, usual | environment)

    def add(self, *batch: str, more: Sequence[object] = ()) -> None:
        """Add the machine."""
        access = self.server.access()
        words = [f"{k}={str(v).lower() if v is False else v}" for k, v in access.items()]
        vestec(
            "machines", "add", "far", "--connection", "ssh", "--dialect", self._dialect,
            *(word for one in words for word in ("--access", one)),
            *(word for one in batch for word in ("--batch", one)), *more,
            "--base-directory", self.login.folder / "base", "--enable", "--data", self.folder,
        )  # fmt: skip

    def begin(self, *batch: str) -> str:
        """Add the machine, and an incident whose stage submits a job there; its id."""
        self.add(*batch)
        made = as_json("incidents", "create", "one-job", "one", "--data", self.folder)
        self.tell("activate", made["id"])
        return str(made["id"])

    def tell(self, wish: str, id: str) -> None:
        """Wish something of an incident of a system that may be killed before it answers."""
        command = [COMMAND, "incidents", wish, id, "--data", str(self.folder)]
        null = subprocess.DEVNULL
        self._telling.append(subprocess.Popen(command, stdout=null, stderr=null))

    def heard(self) -> None:
        """Wait until all wishes were answered."""
        for telling in self._telling:
            telling.wait(60)

    def completes(self, id: str) -> Any:
        """What is known of the incident once it is completed."""

        def completed() -> Any:
            found = as_json("incidents", "show", id, "--data", self.folder)
            assert found["incident"]["status"] != "ERROR", found["stages"]
            return found if found["incident"]["status"] == "COMPLETE" else None

        found = eventually(completed)
        (job,) = found["simulations"]
        assert job["state"] == "COMPLETED"
        self.heard()
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
        eventually((self.login.folder / name).exists)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("v") as folder:
        yield folder
