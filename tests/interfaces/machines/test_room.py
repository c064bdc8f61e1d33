"""A machine whose disk is full gets no job until there is room, tried more and more seldom."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from events.jobs import JobState, Waiting, token_of
from events.machines import MachineSettings
from events.operations import CancelSent, JobReported, MachineAnswered, TaskHindered
from events.simulations import CancelSimulation, SimulationStateChanged
from events.values import Blob, Context
from interfaces.machines.registry import connect
from interfaces.machines.work.room import RoomTries
from tests.disks import small_disk
from tests.interfaces.machines.hands_site import FIRE, QUICK, AnySite, working


async def test_jobs_wait_for_room_on_a_real_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 4) as disk:
        settings = MachineSettings(name="m", base_directory=str(disk.folder))
        site = AnySite(settings=settings)
        async with working(site, connect, QUICK):
            simulation = await site.create("cat in >out", inputs={"in": await one_mib(site)})
            disk.fill()
            await site.submit_created(simulation)
            waits = await pending(site, simulation, disk.fill)
            assert waits.stuck is Waiting.NEEDS_A_HUMAN
            assert "No space left on device" in waits.reason
            disk.make_room()
            await site.reach(simulation, JobState.COMPLETED)


async def test_a_job_larger_than_the_room_waits_alone_on_a_real_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 4) as disk:
        site = AnySite(settings=MachineSettings(name="m", base_directory=str(disk.folder)))
        async with working(site, connect, QUICK):

            async def says(simulation: UUID, words: str) -> list[TaskHindered]:
                said = await site.of(TaskHindered, simulation)
                return [one for one in said if words in one.reason]

            inputs = {f"in{n}": await one_mib(site) for n in range(6)}
            large = await site.submit("true", inputs=inputs)
            told = await site.until(lambda: site.of(TaskHindered, large))
            assert "no room for the template and inputs of this job" in told[-1].reason
            await site.until(lambda: says(large, "MiB are left"))  # it is not even tried
            for _ in range(3):
                await site.reach(await site.submit("true"), JobState.COMPLETED)


async def test_a_job_for_which_there_are_too_few_inodes_goes_out_when_there_are_more(
    tmp_path: Path,
) -> None:
    """Though there are no more bytes."""
    with small_disk(tmp_path / "small", 4, inodes=200) as disk:
        site = AnySite(settings=MachineSettings(name="m", base_directory=str(disk.folder)))
        async with working(site, connect, QUICK):
            await site.until(lambda: site.events(MachineAnswered))  # it made its folders
            disk.use_up_inodes()
            (disk.folder / "filler-0").unlink()
            waiting = await site.submit("true")
            await site.until(lambda: site.of(TaskHindered, waiting))
            disk.make_room()
            await site.reach(waiting, JobState.COMPLETED)


@pytest.mark.parametrize("wanting", ["blocks", "inodes"])
async def test_jobs_are_cancelled_on_a_real_disk_without_room(tmp_path: Path, wanting: str) -> None:
    with small_disk(tmp_path / "small", 4, inodes=200) as disk:
        settings = MachineSettings(name="m", base_directory=str(disk.folder), slots=2)
        site = AnySite(settings=settings)
        async with working(site, connect, QUICK):
            running, waiting = await site.submit("sleep 600"), await site.create("true")
            await site.reach(running, JobState.RUNNING)
            fill = disk.fill if wanting == "blocks" else disk.use_up_inodes
            fill()
            await site.submit_created(waiting)
            await pending(site, waiting, fill)
            for simulation in (waiting, running):
                cancel = CancelSimulation(simulation=simulation, reason="enough")
                await site.issue(Context.SIMULATIONS, FIRE, cancel)
            await site.reach(waiting, JobState.CANCELLED)
            await site.until(lambda: site.of(CancelSent, running))
            await site.reach(running, JobState.CANCELLED)
            assert not await of_state(site, running, JobState.LOST)
            disk.make_room()
            await site.until(lambda: site.of(CancelSent, waiting))
            folder = disk.folder / "jobs" / token_of(waiting) / ".vestec"
            assert (folder / "cancel").exists()
            assert not [*folder.glob("claim*")]


@pytest.mark.parametrize("wanting", ["blocks", "inodes"])
async def test_a_job_that_ends_without_room_for_its_word_waits_for_it(
    tmp_path: Path, wanting: str
) -> None:
    with small_disk(tmp_path / "small", 4, inodes=200) as disk:
        settings = MachineSettings(name="m", base_directory=str(disk.folder))
        site = AnySite(settings=settings)
        async with working(site, connect, QUICK):
            go = tmp_path / "go"

            async def slots_used(number: int) -> list[MachineAnswered]:
                last = (await site.events(MachineAnswered))[-1:]
                return [one for one in last if one.load and one.load.slots_used == number]

            job = await site.submit(f"until test -e {go}; do sleep 0.1; done")
            await site.reach(job, JobState.RUNNING)
            await site.until(lambda: slots_used(1))
            jobs = [job]
            if wanting == "blocks":
                jobs.append(await site.submit("true"))
                await site.reach(jobs[-1], JobState.QUEUED)
            (disk.fill if wanting == "blocks" else disk.use_up_inodes)()
            go.touch()
            await site.until(lambda: slots_used(0))
            disk.make_room()
            for one in jobs:
                await site.reach(one, JobState.COMPLETED)
                assert not await of_state(site, one, JobState.LOST)


async def pending(
    site: AnySite, simulation: UUID, fill: Callable[[], None]
) -> SimulationStateChanged:
    """Wait until it waits for room, while what is written and removed meanwhile leaves none."""

    async def waits() -> list[SimulationStateChanged]:
        fill()
        return await site.reached(simulation, JobState.PENDING)

    return (await site.until(waits))[-1]


async def of_state(site: AnySite, simulation: UUID, state: JobState) -> list[JobReported]:
    words = await site.of(JobReported, simulation)
    return [word for word in words if word.report.state is state]


async def one_mib(site: AnySite) -> Blob:
    return await site.blobs.put(bytes(1 << 20))


def test_it_is_tried_now_and_then_and_sooner_while_there_is_none() -> None:
    tries = RoomTries(soon=60)
    assert tries.due(0, full=False)
    tries.tried(0, full=False)
    assert not tries.due(599, full=False)
    assert tries.due(600, full=False)
    tries.filled(600)
    assert not tries.due(659, full=True)
    assert tries.due(660, full=True)


def test_room_that_is_used_up_again_at_once_is_tried_more_seldom() -> None:
    tries, now, pauses = RoomTries(soon=60), 0.0, []
    for _ in range(8):
        tries.filled(now)
        pause = next(seconds for seconds in range(10_000) if tries.due(now + seconds, full=True))
        pauses.append(pause)
        now += pause
        tries.tried(now, full=True)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    tries.tried(now, full=False)
    tries.filled(now)
    assert tries.due(now + 60, full=True)
