"""An array of jobs, from a simulation to its end: simulated, on this computer, on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from events import operations as o
from events import simulations as s
from events.jobs import JobOptions, JobState, token_of
from events.machines import MachineSettings
from events.values import Context
from interfaces.machines.registry import connect
from interfaces.machines.simulated.fates import Fate
from interfaces.machines.work.machine import Manners
from tests.interfaces.machines.hands_site import FIRE, AnySite, working
from tests.interfaces.machines.rehearsed import BENCHES
from tests.interfaces.machines.test_checkup import at
from tests.interfaces.machines.test_rehearsal import site_on
from tests.sshd import Sshd

if TYPE_CHECKING:
    from tests.gridengine import GridEngine
    from tests.slurm import Slurm

SIZE = 4
NUMBERED = "echo $VESTEC_INSTANCE >>witness; "
THIRD_FAILS = NUMBERED + "test $VESTEC_INSTANCE != 2 || { echo no wind >&2; exit 3; }"
dialects = pytest.mark.parametrize("dialect", [*BENCHES])


@asynccontextmanager
async def site_with(settings: MachineSettings, ask: float = 2) -> AsyncIterator[AnySite]:
    site = AnySite(settings=settings)
    async with working(site, connect, Manners(look=0.2, ask=ask, retry=(0.1, 1))):
        yield site


async def run_an_array(site: AnySite) -> None:
    """One submission, four runs, an end of each, and what they come to."""
    simulation = await site.submit(THIRD_FAILS, instances=SIZE)
    change = await site.reach(simulation, JobState.FAILED)
    assert change.instances == {"COMPLETED": 3, "FAILED": 1}
    assert change.exit_code == 3
    assert change.reason.startswith("of 4 instances 1 FAILED; instance 2: ")
    assert change.reason.endswith("no wind")
    folder = Path(site.settings.base_directory, "jobs", token_of(simulation))
    assert sorted((folder / "witness").read_text().split()) == [*"0123"]
    submissions = [*(folder / ".vestec").glob("submission-*")]
    assert len(submissions) == 1
    reports = [one.report for one in await site.of(o.JobReported, simulation)]
    ends = {one.instance: one.state for one in reports if one.state.ended}
    assert ends == {n: JobState.FAILED if n == 2 else JobState.COMPLETED for n in range(SIZE)}
    (confirmed,) = await site.of(o.SubmissionConfirmed, simulation)
    assert change.job_id == confirmed.job_id


async def test_on_this_computer(tmp_path: Path) -> None:
    settings = MachineSettings(name="m", base_directory=str(tmp_path / "it's"), cores_per_node=2)
    async with site_with(settings) as site:
        await run_an_array(site)


async def test_on_a_real_slurm(slurm: Slurm, sshds: Callable[..., Sshd]) -> None:
    shell = slurm.login.shell(slurm.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        async with site_with(at(slurm.login, server)) as site:
            await run_an_array(site)


async def test_on_a_real_grid_engine(gridengine: GridEngine, sshds: Callable[..., Sshd]) -> None:
    shell = gridengine.login.shell(gridengine.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        async with site_with(at(gridengine.login, server, "sge")) as site:
            await run_an_array(site)


async def cancel_an_array(site: AnySite) -> None:
    """All of its instances run; the end of each is known long before the scheduler's next turn."""
    simulation = await site.submit("exec sleep 600", instances=2)

    async def all_run() -> list[o.JobReported]:
        said = await site.of(o.JobReported, simulation)
        running = {one.report.instance for one in said if one.report.state is JobState.RUNNING}
        return said if len(running) == 2 else []

    await site.until(all_run)
    await site.issue(Context.SIMULATIONS, FIRE, s.CancelSimulation(simulation=simulation))
    change = await site.reach(simulation, JobState.CANCELLED)
    assert change.instances == {"CANCELLED": 2}


async def test_one_that_is_cancelled_on_a_real_slurm(
    slurm: Slurm, sshds: Callable[..., Sshd]
) -> None:
    shell = slurm.login.shell(slurm.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        async with site_with(at(slurm.login, server), ask=3600) as site:
            await cancel_an_array(site)


async def test_one_that_is_cancelled_on_a_real_grid_engine(
    gridengine: GridEngine, sshds: Callable[..., Sshd]
) -> None:
    shell = gridengine.login.shell(gridengine.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        async with site_with(at(gridengine.login, server, "sge"), ask=3600) as site:
            await cancel_an_array(site)


@dialects
async def test_on_a_simulated_cluster(tmp_path: Path, dialect: str) -> None:
    async with site_on(tmp_path, dialect, Fate()) as site:
        await run_an_array(site)


@dialects
async def test_a_lost_answer_is_looked_up_and_each_instance_runs_once(
    tmp_path: Path, dialect: str
) -> None:
    async with site_on(tmp_path, dialect, Fate(answer_lost=True)) as site:
        # Held, so that its own status is not what tells first that it is there.
        held = JobOptions(hold=True)
        simulation = await site.submit(NUMBERED, options=held, instances=SIZE)
        await site.reach(simulation, JobState.HELD)
        assert await site.of(o.SubmissionDoubted, simulation)
        release = s.ReleaseSimulation(simulation=simulation)
        await site.issue(Context.SIMULATIONS, FIRE, release)
        change = await site.reach(simulation, JobState.COMPLETED)
        assert change.instances == {"COMPLETED": SIZE}
        folder = site.cluster.folder / "jobs" / token_of(simulation)
        assert sorted((folder / "witness").read_text().split()) == [*"0123"]
        assert len(site.cluster.site.cluster.jobs) == SIZE


@dialects
async def test_a_cancelled_array_is_over_as_a_whole(tmp_path: Path, dialect: str) -> None:
    async with site_on(tmp_path, dialect, Fate()) as site:
        simulation = await site.submit("exec sleep 60", instances=SIZE)
        await site.reach(simulation, JobState.RUNNING)
        await site.issue(Context.SIMULATIONS, FIRE, s.CancelSimulation(simulation=simulation))
        change = await site.reach(simulation, JobState.CANCELLED)
        assert change.instances == {"CANCELLED": SIZE}
        assert all(job.state.ended for job in site.cluster.site.cluster.jobs)


@dialects
async def test_preempted_instances_run_again(tmp_path: Path, dialect: str) -> None:
    async with site_on(tmp_path, dialect, Fate(preempted=3)) as site:
        again = "test $(grep -c $VESTEC_INSTANCE witness) = 2 || sleep 60"
        simulation = await site.submit(NUMBERED + again, instances=2)
        change = await site.reach(simulation, JobState.COMPLETED)
        assert (change.attempt, change.instances) == (1 + 2, {"COMPLETED": 2})
        folder = site.cluster.folder / "jobs" / token_of(simulation)
        assert sorted((folder / "witness").read_text().split()) == [*"0011"]
