"""The Grid Engine that other tests are run on does what real ones were seen to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.account import open_folder
from tests.gridengine import GridEngine, running_gridengine
from tests.namespace import ServerMissing
from tests.patience import PATIENCE
from tests.without import must_have


@pytest.fixture
async def mortal_gridengine() -> AsyncIterator[GridEngine]:
    """A Grid Engine of the test's own."""
    with open_folder("vestec-gridengine-") as folder:
        with must_have("Grid Engine", ServerMissing):
            context = running_gridengine(folder)
            running = await context.__aenter__()
        yield running
        await context.__aexit__(None, None, None)


async def test_a_job_runs_as_the_user_and_goes_from_the_queue_to_the_accounts(
    gridengine: GridEngine,
) -> None:
    name = new_name()
    program = "id -un; pwd; hostname; echo $NSLOTS; exit 3"
    id = await submit(gridengine, program, "-pe", "smp", "2", name=name)
    assert name in (await gridengine.login.run("qstat", "-xml")).checked()
    await until(lambda: is_over(gridengine, id))
    assert (gridengine.login.folder / f"{name}.o{id}").read_text().splitlines() == [
        "vestec-test",
        str(gridengine.login.folder),
        "gridhost",
        "2",
    ]
    await until(lambda: is_accounted(gridengine, name))
    rows = (await gridengine.login.run("qacct", "-j", name)).checked().splitlines()
    said = [row.split() for row in rows]
    assert ["jobnumber", id] in said
    assert ["exit_status", "3"] in said


async def test_what_there_is_not_is_refused(gridengine: GridEngine) -> None:
    for options, reason in (
        (("-q", "nowhere"), 'job requests unknown queue "nowhere"'),
        (("-pe", "mpi", "2"), 'the requested parallel environment "mpi" does not exist'),
        (("-P", "nobody"), 'the requested project "nobody" does not exist'),
    ):
        answer = await gridengine.login.run("qsub", *options, "-b", "y", "true")
        assert answer.exit_status == 1
        assert reason in answer.stderr


async def test_jobs_that_can_never_start_are_taken_and_wait(gridengine: GridEngine) -> None:
    never = (("-q", "down"), ("-q", "short", "-l", "h_rt=600"), ("-pe", "smp", "100"))
    ids = [await submit(gridengine, "true", *options) for options in never]
    after = await submit(gridengine, "true")
    await until(lambda: is_scheduled(gridengine, after))
    for id in ids:
        assert await state(gridengine, id) == "qw"
    await gridengine.login.run("qdel", *ids, after)


async def test_a_frozen_qmaster_answers_nobody_until_it_thaws(gridengine: GridEngine) -> None:
    id = await submit(gridengine, "sleep 60")
    gridengine.qmaster.freeze()
    assert (await gridengine.login.run("timeout", "1", "qstat")).exit_status == 124
    gridengine.qmaster.thaw()
    await until(lambda: is_in(gridengine, id, "r"))
    await gridengine.login.run("qdel", id)


async def test_a_job_outlives_its_qmaster(mortal_gridengine: GridEngine) -> None:
    go, gone = (mortal_gridengine.login.folder / name for name in ("go", "gone"))
    id = await submit(mortal_gridengine, f"until [ -e {go} ]; do sleep 0.1; done; touch {gone}")
    await until(lambda: is_in(mortal_gridengine, id, "r"))
    mortal_gridengine.qmaster.kill()
    answer = await mortal_gridengine.login.run("qstat")
    assert answer.exit_status == 1
    assert "unable to send message to qmaster" in answer.stderr
    go.touch()
    await until(lambda: exists(gone))
    mortal_gridengine.qmaster.start()
    await until(lambda: answers(mortal_gridengine))
    assert await state(mortal_gridengine, id) == "r"  # its host reports again within 30 s


def test_nobody_outside_reaches_it(gridengine: GridEngine) -> None:
    port = int(gridengine.login.environment["SGE_QMASTER_PORT"])
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    assert f":{port:04X} " not in listening


def new_name() -> str:
    return f"A{uuid4().hex[:12]}"


async def submit(gridengine: GridEngine, program: str, *options: str, name: str = "A") -> str:
    """The id of a job; a `qsub` that hangs, as it may where its machine is busy, is done again."""
    usual = ("-terse", "-cwd", "-S", "/bin/sh", "-b", "y", "-N", name)
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(TimeoutError):
                answer = await gridengine.login.run("qsub", *usual, *options, program)
                return answer.checked().strip()


async def state(gridengine: GridEngine, id: str) -> str | None:
    """The letters of a job that is in the queue."""
    rows = (await gridengine.login.run("qstat")).checked().splitlines()[2:]
    return {row.split()[0]: row.split()[4] for row in rows}.get(id)


async def is_in(gridengine: GridEngine, id: str, letters: str) -> bool:
    return await state(gridengine, id) == letters


async def is_scheduled(gridengine: GridEngine, id: str) -> bool:
    """Whatever came of it then: a busy machine may fail to start it."""
    return await state(gridengine, id) != "qw"


async def is_over(gridengine: GridEngine, id: str) -> bool:
    return await state(gridengine, id) is None


async def is_accounted(gridengine: GridEngine, name: str) -> bool:
    return name in (await gridengine.login.run("qacct", "-j", name)).stdout


async def answers(gridengine: GridEngine) -> bool:
    return not (await gridengine.login.run("qstat")).exit_status


async def exists(file: Path) -> bool:
    return await asyncio.to_thread(file.exists)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.05)
