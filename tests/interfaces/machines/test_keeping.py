"""What jobs leave on a machine goes when its settings say, whatever happens meanwhile."""

import os
from pathlib import Path

import pytest

from events import operations as o
from events.jobs import JobState, Token, token_of
from events.machines import MachineFolders, MachineSettings
from events.values import DAY
from interfaces.machines.registry import connect
from interfaces.machines.scripts import folders
from interfaces.machines.testing import FakeMachine
from tests.interfaces.machines.hands_site import QUICK, AnySite, working

TOKEN = Token("v1")


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """With the folders of two jobs, the marks of both, and a link out of the first one."""
    machine = FakeMachine(tmp_path, {})
    for token in (TOKEN, Token("v2")):
        assert machine.run(folders.Prepare(machine.layout, token).script()).exit_status == 0
        (Path(machine.layout.spool) / token).touch()
        (Path(machine.layout.spool) / f"{token}.copy-7").touch()
        Path(machine.layout.ours(token), "submission-1").mkdir()
    folder = Path(machine.layout.folder(TOKEN))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (folder / "link").symlink_to(outside)
    (folder / "shut" / "in").mkdir(parents=True)
    (folder / "shut").chmod(0)
    return machine


def retire(machine: FakeMachine) -> None:
    command = folders.Retire(machine.layout, TOKEN)
    command.parse(machine.run(command.script()))


def require_only_the_other_job(machine: FakeMachine) -> None:
    jobs, spool = Path(machine.layout.jobs), Path(machine.layout.spool)
    assert sorted(os.listdir(jobs)) == ["v1", "v2"]
    assert (jobs / "v1").read_bytes() == b""
    assert (jobs / "v2" / ".vestec" / "submission-1").is_dir()
    assert sorted(os.listdir(spool)) == ["v2", "v2.copy-7"]
    assert (machine.folder / "outside" / "precious").exists()
    assert not machine.pwned


def test_only_the_jobs_own_folder_goes(machine: FakeMachine) -> None:
    for _ in range(2):
        retire(machine)
        require_only_the_other_job(machine)


@pytest.mark.parametrize("lines", range(1, 15))
def test_a_removal_that_was_cut_is_ended_by_the_next(machine: FakeMachine, lines: int) -> None:
    script = folders.Retire(machine.layout, TOKEN).script()
    machine.run("\n".join(script.splitlines()[:lines]))
    retire(machine)
    require_only_the_other_job(machine)


def test_who_slept_can_neither_put_nor_submit_the_job_again(machine: FakeMachine) -> None:
    retire(machine)
    assert machine.run(folders.Prepare(machine.layout, TOKEN).script()).exit_status != 0
    assert Path(machine.layout.folder(TOKEN)).is_file()


def test_a_folder_that_is_away_is_not_removed(machine: FakeMachine) -> None:
    jobs = Path(machine.layout.jobs)
    jobs.rename(jobs.with_name("elsewhere"))
    assert machine.run(folders.Retire(machine.layout, TOKEN).script()).exit_status != 0


async def test_folders_of_jobs_that_are_over_are_removed(tmp_path: Path) -> None:
    settings = MachineSettings(
        name="m", base_directory=str(tmp_path), folders=MachineFolders(keep=0.5 / DAY)
    )
    site = AnySite(settings=settings)
    async with working(site, connect, QUICK):
        simulation = await site.submit("echo a map >map", outputs=("map",))
        await site.reach(simulation, JobState.COMPLETED)
        await site.until(lambda: site.of(o.FolderRemoved, simulation))
        (kept,) = await site.of(o.OutputsCollected, simulation)
        (released,) = await site.of(o.JobReleased, simulation)
    assert await site.blobs.get(kept.outputs["map"]) == b"a map\n"
    assert released.at is not None
    assert (tmp_path / "jobs" / token_of(simulation)).is_file()
