"""A job on a real Slurm over SSH starts once, whatever happens around its submission."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interfaces.cli.far import GIVES_UP, REAL, Far, folder
from tests.interfaces.cli.vestec import as_json, eventually
from tests.servers import database_url, server_url
from tests.slurm import Slurm, slurm_in_a_folder
from tests.sshd import Sshd

__all__ = ["database_url", "folder", "server_url"]


@pytest.fixture
def far(folder: Path, slurm: Slurm, sshds: Callable[..., Sshd]) -> Far:
    return Far(folder, slurm.login, sshds)


@pytest.fixture(scope="module")
def plain_slurm() -> Iterator[Slurm]:
    """A Slurm without accounting."""
    with slurm_in_a_folder(accounting=False) as running:
        yield running


@pytest.fixture
def plain(folder: Path, plain_slurm: Slurm, sshds: Callable[..., Sshd]) -> Far:
    return Far(folder, plain_slurm.login, sshds)


MOMENTS = (
    "after submission",
    "before fetch",
    "before blob is named",
    "after fetch",
    "after takeover",
    "before append",
    "after append",
    "after effect",
)
"""In this order each is passed by a system that goes on where the one before it was killed."""


def test_killed_at_every_named_moment(far: Far) -> None:
    with far.server:
        with far.up(VESTEC_CRASH_AT="before submission") as system:
            id = far.begin()
            assert system.process.wait(60) == -signal.SIGKILL
        for moment in MOMENTS:
            with far.up(VESTEC_CRASH_AT=moment) as system:
                assert system.process.wait(60) == -signal.SIGKILL
        with far.up():
            far.completes(id)
        far.require_one_start()


def test_killed_at_every_named_moment_of_a_cancellation(far: Far) -> None:
    far.submit_by('real --hold "$@"')
    with far.server:
        with far.up(VESTEC_CRASH_AT="before cancel") as system:
            id = far.begin()
            eventually(lambda: queued(far))
            far.tell("cancel", id)
            assert system.process.wait(60) == -signal.SIGKILL
        assert queued(far)
        with far.up(VESTEC_CRASH_AT="after cancel") as system:
            assert system.process.wait(60) == -signal.SIGKILL
        with far.up():
            eventually(lambda: status(far, id) == "CANCELLED")
            far.heard()
        assert not queued(far)
    assert (far.starts, far.submissions) == (0, 1)


def queued(far: Far) -> str:
    """The states of its jobs, as far as they have not ended."""
    names = ",".join(job.name for job in far.login.folder.glob("base/jobs/*"))
    ask = far.login.run("squeue", "--noheader", f"--name={names or 'none'}", "--format=%T")
    return asyncio.run(ask).checked().strip()


def status(far: Far, id: str) -> str:
    found = as_json("incidents", "show", id, "--data", far.folder)
    return str(found["incident"]["status"])


@pytest.mark.parametrize(
    "sbatch",
    [f"mark here; sleep 3; {REAL}", f"{REAL}; code=$?; mark here; sleep 3; exit $code"],
    ids=["before it has submitted", "after it has submitted"],
)
def test_killed_under_sbatch(sbatch: str, far: Far) -> None:
    far.submit_by(sbatch)
    with far.server:
        with far.up() as system:
            id = far.begin()
            far.marked("here")
            system.process.kill()
        with far.up():
            far.completes(id)
        far.require_one_start()


def test_the_connection_is_cut_under_sbatch(far: Far) -> None:
    far.submit_by(f"mark here; sleep 3; {REAL}")
    with far.server, far.up():
        id = far.begin()
        far.marked("here")
        far.server.kill()
        far.server.start()
        far.completes(id)
        far.require_one_start()


def test_the_controller_is_frozen_under_sbatch_and_takes_the_job_later(
    plain: Far, plain_slurm: Slurm
) -> None:
    plain.submit_by(f"mark here; {REAL}; code=$?; mark gave-up-$code; exit $code")
    with plain.server, plain.up():
        plain_slurm.controller.freeze()
        try:
            id = plain.begin("accounting=false", "lag=2", "late=20")
            plain.marked("here")
            plain.marked("gave-up-1")
        finally:
            plain_slurm.controller.thaw()
        plain.completes(id)
        plain.require_one_start()


def test_sbatch_takes_effect_while_it_is_in_doubt(far: Far) -> None:
    far.submit_late("sleep 4")
    with far.server, far.up():
        id = far.begin("lag=1", "late=40")
        far.completes(id)
        far.require_one_start()


def test_sbatch_takes_effect_long_after_the_job_was_submitted_again(far: Far) -> None:
    far.submit_late(f"test -e '{far.login.folder}/now'")
    with far.server, far.up():
        id = far.begin("lag=1", "late=1")
        far.completes(id)
        far.require_one_start(submissions=2)
        (far.login.folder / "now").touch()
        eventually(lambda: far.copies)
        far.require_one_start(submissions=2, copies=1)


def test_a_job_is_over_and_gone_from_the_queue_before_it_is_looked_up(plain: Far) -> None:
    plain.submit_by(
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
        far = Far(folder, slurm.login, sshds)
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
        eventually(lambda: state(stopped.announced["pid"]) == "T")
        far.folder = first.with_name("other")
        with far.up():
            far.completes(id)
        far.folder = first
        before = far.server.log().count("Starting session")
        os.kill(stopped.announced["pid"], signal.SIGCONT)
        # Alone now, it goes on with what it was about to do there.
        eventually(lambda: far.server.log().count("Starting session") > before)
        far.completes(id)
        far.require_one_start()


def state(pid: int) -> str:
    """`T`: stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
