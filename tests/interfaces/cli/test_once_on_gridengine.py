"""A job on a real Grid Engine over SSH starts once, whatever happens around its submission."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gridengine import GridEngine
from tests.interfaces.cli.far import GIVES_UP, REAL, Far, folder
from tests.interfaces.cli.vestec import as_json, eventually
from tests.sshd import Sshd

__all__ = ["folder"]


@pytest.fixture
def far(folder: Path, gridengine: GridEngine, sshds: Callable[..., Sshd]) -> Far:
    return Far(folder, gridengine.login, sshds, "sge", "qsub")


@pytest.mark.parametrize(
    "qsub",
    [f"mark here; sleep 3; {REAL}", f"{REAL}; code=$?; mark here; sleep 3; exit $code"],
    ids=["before it has submitted", "after it has submitted"],
)
def test_killed_under_qsub(qsub: str, far: Far) -> None:
    far.submit_by(qsub)
    with far.server:
        with far.up() as system:
            id = far.begin("queue=work")
            far.marked("here")
            system.process.kill()
        with far.up():
            far.completes(id)
        far.require_one_start()


def test_the_qmaster_is_frozen_under_qsub_and_its_answer_is_lost(
    far: Far, gridengine: GridEngine
) -> None:
    far.submit_by(f"mark here; {REAL}; {GIVES_UP}")
    with far.server, far.up():
        gridengine.qmaster.freeze()
        try:
            id = far.begin("queue=work", "lag=2", "late=20")
            far.marked("here")
        finally:
            gridengine.qmaster.thaw()
        far.completes(id)
        far.require_one_start()


def test_qsub_takes_effect_while_it_is_in_doubt(far: Far) -> None:
    far.submit_late("sleep 4")
    with far.server, far.up():
        id = far.begin("queue=work", "lag=1", "late=40")
        far.completes(id)
        far.require_one_start()


def test_qsub_takes_effect_long_after_the_job_was_submitted_again(far: Far) -> None:
    far.submit_late(f"test -e '{far.login.folder}/now'")
    with far.server, far.up():
        id = far.begin("queue=work", "lag=1", "late=1")
        far.completes(id)
        far.require_one_start(submissions=2)
        (far.login.folder / "now").touch()
        eventually(lambda: far.copies)
        far.require_one_start(submissions=2, copies=1)


def test_a_job_that_root_deletes_while_it_waits_is_cancelled_and_not_submitted_again(
    far: Far, gridengine: GridEngine
) -> None:
    with far.server, far.up():
        id = far.begin("queue=down", "lag=5")

        def jobs() -> Any:
            return as_json("incidents", "show", id, "--data", far.folder)["simulations"]

        eventually(lambda: [job["state"] for job in jobs()] == ["QUEUED"])
        delete = ("env", *(f"{k}={v}" for k, v in gridengine.login.environment.items()), "qdel")
        (said,) = far.login.folder.glob("base/jobs/*/.vestec/submission-1/stdout")
        job_id = said.read_text().strip()
        subprocess.run([*gridengine.login.entering, *delete, job_id], check=True)
        ended = eventually(lambda: [job for job in jobs() if job["state"] not in ("QUEUED",)])
        assert [job["state"] for job in ended] == ["CANCELLED"]
        assert (far.starts, far.submissions) == (0, 1)
        far.heard()
