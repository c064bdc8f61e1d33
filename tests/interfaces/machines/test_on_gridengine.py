"""The dialect of Grid Engine on a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from events.jobs import JobOptions, JobReport, JobState, Waiting
from interfaces.machines.connection import CommandFailed
from interfaces.machines.dialect import Dialect, Submitted
from interfaces.machines.dialects.sge import GridEngine
from interfaces.machines.dialects.sge.settings import SgeSettings
from interfaces.machines.scripts.layout import Layout
from tests.account import ordinary_user
from tests.interfaces.machines.server_bench import *  # noqa: F403
from tests.interfaces.machines.server_bench import ServerBench, reached
from tests.sshd import Sshd

if TYPE_CHECKING:
    from tests.gridengine import GridEngine as RealGridEngine


class GridEngineBench(ServerBench):
    options = JobOptions(queue="work")

    def _dialect(self, layout: Layout) -> Dialect:
        return GridEngine(layout, SgeSettings(lag=10, late=1, shared="smp"))


@pytest.fixture
async def bench(
    gridengine: RealGridEngine, sshds: Callable[..., Sshd]
) -> AsyncIterator[ServerBench]:
    async with reached(gridengine.login, GridEngineBench, sshds) as bench:
        yield bench


@pytest.mark.parametrize("defaults", ["-t 1-3", "-h", "-sync y", "-b y", "-S /bin/csh"])
async def test_defaults_of_a_users_own_file_make_it_no_other_job(
    bench: ServerBench, defaults: str
) -> None:
    request = bench.request(bench.succeed)
    home = Path(ordinary_user().pw_dir)
    with file_in(home / ".sge_request", defaults):
        assert isinstance(await bench.go(request, input=b"x"), Submitted)
    await bench.report(request.token, JobState.COMPLETED)
    assert await bench.starts(request.token) == 1


async def test_a_list_that_may_hide_jobs_is_not_believed(bench: ServerBench) -> None:
    token = await bench.submitted(bench.long)
    hiding = file_in(Path(ordinary_user().pw_dir) / ".sge_qstat", "-q short")
    with hiding, pytest.raises(CommandFailed, match=r"remove .*sge_qstat"):
        await bench.system.find([token])
    assert token in await bench.system.find([token])


@contextmanager
def file_in(place: Path, text: str) -> Iterator[None]:
    """A file of defaults, as long as the context lasts."""
    place.write_text(f"{text}\n")
    try:
        yield
    finally:
        place.unlink()


@pytest.mark.parametrize("comment", ["a=b,=c,,", 'EXERCISE, the fire\'s "north" $HOME \\'])
async def test_a_comment_is_one_whatever_it_says(bench: ServerBench, comment: str) -> None:
    request = bench.request("true").model_copy(update={"comment": comment})
    held = request.options.model_copy(update={"hold": True})
    answer = await bench.go(request.model_copy(update={"options": held}))
    assert isinstance(answer, Submitted)
    said = (await bench.login.run("qstat", "-j", answer.job_id)).checked()
    (context,) = [line for line in said.splitlines() if line.startswith("context:")]
    assert context.split(None, 1)[1] == f"comment={comment.replace(',', ';')}"
    await bench.system.cancel(request.token)


async def test_a_job_of_gridengine_over_its_walltime(bench: ServerBench) -> None:
    request = bench.request("sleep 300", walltime=2)
    await bench.go(request)

    async def over() -> JobReport | None:
        report = (await bench.system.find([request.token])).get(request.token)
        return report if report and report.state.ended else None

    report = await bench.until(over)
    assert report.state is JobState.TIMEOUT


async def test_what_can_never_start_says_so(bench: ServerBench) -> None:
    request = bench.request("true").model_copy(update={"tasks": 100})
    await bench.go(request)
    report = await bench.report(request.token, JobState.QUEUED)
    assert report.waiting is Waiting.IMPOSSIBLE
    assert "no suitable queues" in report.reason
    await bench.system.cancel(request.token)


async def test_directives_of_a_script_are_applied(bench: ServerBench) -> None:
    job = bench.request("sh ./job.sh")
    script = b'#!/bin/sh\n#$ -N x -t 1-3\necho started >>witness\n#$ -v LATE=1\ntest -n "$LATE"\n'
    answer = await bench.go(job, job__sh=script)
    assert isinstance(answer, Submitted)
    assert answer.remarks.count("VESTEC sees to that") == 2
    await bench.report(job.token, JobState.COMPLETED)
    assert await bench.starts(job.token) == 1
