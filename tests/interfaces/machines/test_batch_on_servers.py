"""What every batch system promises, on a real Slurm and a real Grid Engine; and what only they do.

Not here: what needs slots and seconds of walltime as `processes` has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from events.jobs import (
    After,
    Dependency,
    JobOptions,
    JobReport,
    JobRequest,
    JobState,
    Token,
    Waiting,
    Witness,
)
from interfaces.machines.connection import CommandFailed
from interfaces.machines.dialect import Dialect, Refused, Submitted
from interfaces.machines.layout import Layout
from interfaces.machines.sge import GridEngine
from interfaces.machines.sge.settings import SgeSettings
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.slurm import Slurm
from interfaces.machines.slurm.settings import SlurmSettings
from tests.account import ordinary_user
from tests.interfaces.machines import test_batch_contract as contract
from tests.interfaces.machines.conftest import ShellBench, chunks
from tests.interfaces.machines.user_connection import UserConnection

if TYPE_CHECKING:
    from tests.account import Login
    from tests.gridengine import GridEngine as RealGridEngine
    from tests.slurm import Slurm as RealSlurm


class ServerBench(ShellBench):
    """A machine with a batch system of its own, on which one job of ours runs at a time."""

    options = JobOptions()
    dialect: Dialect

    def __init__(self, login: Login) -> None:
        self._login = login
        super().__init__(login.folder / f"it's {uuid4()}", 1)

    def restart(self) -> None:
        self.dialect = self._dialect(self.layout)
        connection = UserConnection(self._login)
        self.system = ShellBatchSystem(connection, self.dialect, self.layout)

    def _dialect(self, layout: Layout) -> Dialect:
        raise NotImplementedError

    def request(self, executable: str, walltime: int = 60, nodes: int = 1) -> JobRequest:
        request = super().request(executable, walltime, 1)
        options = self.options
        if executable == self.refused:
            options = options.model_copy(update={"queue": "nowhere"})
        return request.model_copy(update={"options": options, "cpus_per_task": 4})

    async def go(self, request: JobRequest, **inputs: bytes) -> Submitted | Refused:
        files = {name.replace("__", "."): chunks(data) for name, data in inputs.items()}
        await self.system.prepare(request.token, files)
        return await self.system.submit(request, 1)

    def said(self, name: str) -> str:
        """What jobs wrote into the base directory."""
        return Path(self.layout.base, name).read_text()

    async def pass_time(self) -> None:
        await asyncio.sleep(0.2)


class SlurmBench(ServerBench):
    options = JobOptions(native=("--nodelist=node1",))

    def _dialect(self, layout: Layout) -> Dialect:
        return Slurm(layout, SlurmSettings(lag=6, late=1))


class GridEngineBench(ServerBench):
    options = JobOptions(queue="work")

    def _dialect(self, layout: Layout) -> Dialect:
        return GridEngine(layout, SgeSettings(lag=10, late=1, shared="smp"))


def on(login: Login, kind: type[ServerBench]) -> Iterator[ServerBench]:
    bench = kind(login)
    yield bench
    tokens = [Token(folder.name) for folder in Path(bench.layout.base, "jobs").glob("*")]

    async def cancel() -> None:
        await asyncio.gather(*(bench.system.cancel(token) for token in tokens))

    asyncio.run(cancel())


@pytest.fixture
def at_slurm(slurm: RealSlurm) -> Iterator[ServerBench]:
    yield from on(slurm.login, SlurmBench)


@pytest.fixture
def at_gridengine(gridengine: RealGridEngine) -> Iterator[ServerBench]:
    yield from on(gridengine.login, GridEngineBench)


@pytest.fixture(params=["at_slurm", "at_gridengine"])
def bench(request: pytest.FixtureRequest) -> ServerBench:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, ServerBench)
    return found


test_a_job_completes = contract.test_a_job_completes_and_leaves_its_results
test_the_end_is_known = contract.test_the_end_is_known_without_asking_the_scheduler
test_a_program_that_exits_3 = contract.test_a_program_that_exits_3_has_failed
test_a_running_job = contract.test_a_running_job_is_cancelled
test_a_queued_job = contract.test_a_queued_job_is_cancelled_and_never_starts
test_cancelled_before_it_appears = contract.test_a_job_cancelled_before_it_appears_never_starts
test_what_ended = contract.test_what_ended_cannot_be_cancelled
test_an_impossible_job = contract.test_an_impossible_job_is_refused_for_ever
test_a_held_job = contract.test_a_held_job_starts_when_it_is_released
test_a_job_that_nobody_submitted = contract.test_a_job_that_nobody_submitted_is_not_found
test_the_same_submission = contract.test_the_same_submission_gives_the_recorded_answer
test_a_second_copy = contract.test_a_second_copy_is_turned_away_and_counted
test_a_later_submission = contract.test_a_later_submission_takes_the_place_of_those_before_it
test_another_process = contract.test_another_process_goes_on_with_the_jobs


async def test_the_machine_has_what_is_needed_and_tells_its_load(bench: ServerBench) -> None:
    await bench.system.check()
    before = await bench.system.load()
    token = await bench.submitted(bench.long)
    await bench.report(token, JobState.RUNNING)
    after = await bench.system.load()
    assert {queue.name for queue in after.queues} == {"work", "short", "down"}
    assert (before.running, after.running) == (0, 1)
    assert (before.slots_used, after.slots_used) == (0, 4)
    assert before.slots_total == after.slots_total


async def accounted(bench: ServerBench, token: Token) -> JobReport:
    """What the accounts alone say, when they do."""

    async def told() -> JobReport | None:
        system = bench.system
        assert isinstance(system, ShellBatchSystem)
        found = await system._ask(bench.dialect.history([token]))
        return found[0] if found else None

    return await bench.until(told, within=60)


async def test_the_accounts_tell_of_an_end_when_asked_since_its_submission(
    bench: ServerBench,
) -> None:
    token = await bench.submitted(bench.fail)
    await bench.report(token, JobState.FAILED)
    report = await accounted(bench, token)
    assert (report.state, report.exit_code) == (JobState.FAILED, 3)
    assert report.witness == Witness.ACCOUNTING
    assert report.started
    assert report.ended


async def test_the_accounts_tell_of_a_cancelled_job(bench: ServerBench) -> None:
    token = await bench.submitted(bench.long)
    await bench.report(token, JobState.RUNNING)
    await bench.system.cancel(token)
    assert (await accounted(bench, token)).state == JobState.CANCELLED


async def test_an_environment_that_hides_jobs_does_not(at_slurm: ServerBench) -> None:
    token = await at_slurm.submitted(at_slurm.long)
    connection = UserConnection(
        type(at_slurm._login)(
            at_slurm._login.folder,
            {**at_slurm._login.environment, "SQUEUE_NAMES": "x", "SACCT_FORMAT": "x"},
        )
    )
    system = ShellBatchSystem(connection, at_slurm.dialect, at_slurm.layout)
    assert token in await system.find([token])


async def test_a_job_of_slurm_over_its_walltime(at_slurm: ServerBench) -> None:
    """Its limit is a minute at least, and its batch script hears of it."""
    request = at_slurm.request("sleep 300", walltime=1)
    await at_slurm.go(request)

    async def over() -> JobReport | None:
        report = (await at_slurm.system.find([request.token])).get(request.token)
        return report if report and report.state is JobState.TIMEOUT else None

    await at_slurm.until(over, within=150)


async def test_a_job_of_gridengine_over_its_walltime(at_gridengine: ServerBench) -> None:
    request = at_gridengine.request("sleep 300", walltime=2)
    await at_gridengine.go(request)

    async def over() -> JobReport | None:
        report = (await at_gridengine.system.find([request.token])).get(request.token)
        return report if report and report.state.ended else None

    report = await at_gridengine.until(over, within=120)
    assert report.state is JobState.TIMEOUT


async def test_a_dependency_is_waited_for(bench: ServerBench) -> None:
    first = bench.request("sleep 2; echo one >>../../order")
    options = bench.options.model_copy(
        update={"after": (Dependency(token=first.token, on=After.ENDED),)}
    )
    second = bench.request("echo two >>../../order").model_copy(update={"options": options})
    assert isinstance(await bench.go(first), Submitted)
    assert isinstance(await bench.go(second), Submitted)
    await bench.report(second.token, JobState.COMPLETED)
    assert bench.said("order") == "one\ntwo\n"


async def test_what_can_never_start_says_so(at_slurm: ServerBench) -> None:
    options = at_slurm.options.model_copy(update={"queue": "short", "native": ()})
    request = at_slurm.request("true", walltime=3000).model_copy(update={"options": options})
    await at_slurm.go(request)
    report = await at_slurm.report(request.token, JobState.QUEUED)
    assert report.waiting is Waiting.IMPOSSIBLE


async def test_slurm_tells_when_a_job_would_start(at_slurm: ServerBench) -> None:
    request = at_slurm.request("true")
    assert (await at_slurm.system.estimate(request)).start
    nine = request.model_copy(update={"nodes": 9, "options": JobOptions()})
    assert (await at_slurm.system.estimate(nine)).impossible


async def test_what_a_qos_does_not_take_now_goes_out_later(at_slurm: ServerBench) -> None:
    options = JobOptions(qos="few")
    first = at_slurm.request("sleep 60").model_copy(update={"options": options})
    second = at_slurm.request("true").model_copy(update={"options": options})
    assert isinstance(await at_slurm.go(first), Submitted)
    refused = await at_slurm.go(second)
    assert isinstance(refused, Refused)
    assert not refused.permanent
    await at_slurm.system.cancel(first.token)
    await at_slurm.report(first.token, JobState.CANCELLED)

    async def taken() -> Submitted | None:
        answer = await at_slurm.system.submit(second, 1)
        return answer if isinstance(answer, Submitted) else None

    await at_slurm.until(taken)
    await at_slurm.report(second.token, JobState.COMPLETED)


@pytest.mark.parametrize(
    ("server", "line"),
    [("at_slurm", b"#SBATCH --export=NONE --job-name=x --array=1-3"),
     ("at_gridengine", b"#$ -v MINE=1 -N x -t 1-3")],
)  # fmt: skip
async def test_directives_of_a_script_are_applied(
    request: pytest.FixtureRequest, server: str, line: bytes
) -> None:
    bench = request.getfixturevalue(server)
    job = bench.request("sh ./job.sh")
    answer = await bench.go(job, job__sh=b"#!/bin/sh\n" + line + b"\necho started >>witness\n")
    assert isinstance(answer, Submitted)
    assert answer.remarks.count("VESTEC sees to that") == 2
    await bench.report(job.token, JobState.COMPLETED)
    assert await bench.starts(job.token) == 1


async def test_a_requeued_job_runs_again_as_its_next_attempt(at_slurm: ServerBench) -> None:
    request = at_slurm.request("echo started >>witness; sleep 5")
    answer = await at_slurm.go(request)
    assert isinstance(answer, Submitted)
    await at_slurm.report(request.token, JobState.RUNNING)
    await at_slurm._login.run("scontrol", "requeue", answer.job_id)
    report = await at_slurm.report(request.token, JobState.QUEUED)
    assert report.attempt == 2
    await at_slurm._login.run("scontrol", "update", f"jobid={answer.job_id}", "StartTime=now")

    async def again() -> JobReport | None:
        found = (await at_slurm.system.find([request.token]))[request.token]
        return found if found.state is JobState.COMPLETED else None

    report = await at_slurm.until(again, within=180)
    assert (report.attempt, report.copies) == (2, 0)
    assert await at_slurm.starts(request.token) == 2


@pytest.mark.parametrize("defaults", ["-t 1-3", "-h", "-sync y", "-b y", "-S /bin/csh"])
async def test_defaults_of_a_users_own_file_make_it_no_other_job(
    at_gridengine: ServerBench, defaults: str
) -> None:
    request = at_gridengine.request(at_gridengine.succeed)
    home = Path(ordinary_user().pw_dir)
    with file_in(home / ".sge_request", defaults):
        assert isinstance(await at_gridengine.go(request, input=b"x"), Submitted)
    await at_gridengine.report(request.token, JobState.COMPLETED)
    assert await at_gridengine.starts(request.token) == 1


async def test_a_list_that_may_hide_jobs_is_not_believed(at_gridengine: ServerBench) -> None:
    token = await at_gridengine.submitted(at_gridengine.long)
    hiding = file_in(Path(ordinary_user().pw_dir) / ".sge_qstat", "-q short")
    with hiding, pytest.raises(CommandFailed, match=r"remove .*sge_qstat"):
        await at_gridengine.system.find([token])
    assert token in await at_gridengine.system.find([token])


@contextmanager
def file_in(place: Path, text: str) -> Iterator[None]:
    """A file of defaults, as long as the context lasts."""
    place.write_text(f"{text}\n")
    try:
        yield
    finally:
        place.unlink()
