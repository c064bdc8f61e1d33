"""The dialect of Slurm on a real one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import pytest

from events import operations as o
from events.jobs import (
    Dependency,
    JobOptions,
    JobReport,
    JobState,
    Waiting,
    Witness,
    parts_of,
    token_of,
)
from interfaces.machines.dialect import Dialect, Refused, Submitted
from interfaces.machines.dialects.batch_settings import DatedSettings
from interfaces.machines.dialects.other_jobs import NOT_YET
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.work.machine import Manners
from tests.interfaces.machines.conftest import WITNESS
from tests.interfaces.machines.hands_site import AnySite, working
from tests.interfaces.machines.server_bench import *  # noqa: F403
from tests.interfaces.machines.server_bench import ServerBench, accounted, reached
from tests.patience import PATIENCE
from tests.sshd import Sshd

if TYPE_CHECKING:
    from tests.slurm import Slurm as RealSlurm


class SlurmBench(ServerBench):
    options = JobOptions(native=("--nodelist=node1",))

    def _dialect(self, layout: Layout) -> Dialect:
        return Slurm(layout, DatedSettings(lag=6, late=1))


@pytest.fixture
async def bench(slurm: RealSlurm, sshds: Callable[..., Sshd]) -> AsyncIterator[ServerBench]:
    async with reached(slurm.login, SlurmBench, sshds) as bench:
        yield bench


async def test_an_environment_that_hides_jobs_does_not(
    slurm: RealSlurm, sshds: Callable[..., Sshd]
) -> None:
    hiding = {"SQUEUE_NAMES": "x", "SACCT_FORMAT": "x", "SBATCH_ARRAY_INX": "1-3"}
    login = replace(slurm.login, environment={**slurm.login.environment, **hiding})
    async with reached(login, SlurmBench, sshds) as bench:
        token = await bench.submitted(bench.succeed)
        report = await bench.report(token, JobState.COMPLETED)
        assert report.job_id
        assert report.job_id.isdecimal()
        assert (await accounted(bench, token)).state == JobState.COMPLETED


async def test_a_job_of_slurm_over_its_walltime(bench: ServerBench) -> None:
    """Its limit is a minute at least, and its batch script hears of it."""
    request = bench.request("sleep 300", walltime=1)
    await bench.go(request)

    async def over() -> JobReport | None:
        report = (await bench.system.find([request.token])).get(request.token)
        return report if report and report.state is JobState.TIMEOUT else None

    await bench.until(over)


async def test_a_job_of_slurm_is_warned_before_the_end_of_its_walltime(bench: ServerBench) -> None:
    request = bench.request("trap 'echo warned >told; exit 0' TERM; sleep 600 & wait", walltime=600)
    options = bench.options.model_copy(update={"warning": 598})
    await bench.go(request.model_copy(update={"options": options}))
    await bench.report(request.token, JobState.COMPLETED)
    assert (bench.folder(request.token) / "told").read_text() == "warned\n"


@pytest.mark.parametrize(
    ("launcher", "line"),
    [("srun --ntasks=1", "{}"), ("", "cd . && srun --ntasks=1 {} >>log")],
)
async def test_what_srun_has_started_is_warned_and_not_killed(
    bench: ServerBench, launcher: str, line: str
) -> None:
    request = bench.request(line.format("sh ./job.sh"))
    alarm = "(until test -e ready; do sleep 0.1; done; kill -ALRM $$) &"  # the wrapper's
    options = bench.options.model_copy(update={"prologue": alarm, "launcher": launcher})
    # In a loop: srun's server tells one process after the other, and may tell `sleep` first.
    waiting = "while :; do sleep 600 & wait; done"
    script = f"trap 'sleep 1; echo warned >told; exit 0' TERM; touch ready; {waiting}".encode()
    await bench.go(request.model_copy(update={"options": options}), job__sh=script)
    await bench.report(request.token, JobState.COMPLETED)
    assert (bench.folder(request.token) / "told").read_text() == "warned\n"


async def test_nothing_runs_after_what_slurm_has_forgotten(bench: ServerBench) -> None:
    """Told to wait for an id that it does not know any more, it does not wait."""
    failed, deleted = bench.request("exit 3"), bench.request("true")
    held = bench.options.model_copy(update={"hold": True})
    await bench.go(failed)
    await bench.go(deleted.model_copy(update={"options": held}))
    await bench.report(failed.token, JobState.FAILED)
    await bench.login.run("scancel", f"--name={deleted.token}")

    async def forgotten() -> bool | None:
        known = [await bench.system.hear(Witness.QUEUE, job.token) for job in (failed, deleted)]
        return known == [None, None] or None

    await bench.until(forgotten)
    answers = []
    for other in (failed, deleted):
        after = bench.options.model_copy(update={"after": (Dependency(token=other.token),)})
        answers.append(await bench.go(bench.request("true").model_copy(update={"options": after})))
    reason = f"job {failed.token} is FAILED, and it was to start once that has succeeded"
    assert answers == [Refused(reason, permanent=True), Refused(NOT_YET, permanent=False)]


@pytest.mark.parametrize("reason", ["held", "held array", "after another", "too early"])
async def test_what_is_cancelled_before_it_might_start_is_known_by_its_name(
    bench: ServerBench, reason: str
) -> None:
    """When the queue has forgotten it, and no answer to its submission was ever read."""
    first, request = bench.request("sleep 600"), bench.request("true")
    options = bench.options
    if "held" in reason:
        options = options.model_copy(update={"hold": True})
    if reason == "after another":
        await bench.go(first)
        options = options.model_copy(update={"after": (Dependency(token=first.token),)})
    if reason == "too early":
        early = (*options.native, "--begin=now+1hour")
        options = options.model_copy(update={"native": early})
    more = {"options": options, "instances": 3 if "array" in reason else 1}
    request = request.model_copy(update=more)
    assert isinstance(await bench.go(request), Submitted)
    await bench.login.run("scancel", f"--name={request.token}")

    async def forgotten() -> bool | None:
        return await bench.system.hear(Witness.QUEUE, request.token) is None or None

    await bench.until(forgotten)
    await accounted(bench, request.token)
    parts = parts_of(request.token, request.instances)
    found = await bench.system.find(parts)
    assert {part: (one.state, one.witness) for part, one in found.items()} == dict.fromkeys(
        parts, (JobState.CANCELLED, Witness.ACCOUNTING)
    )


NODE = "nodename=node1"


async def administrator(bench: ServerBench, *words: str) -> bool:
    """Whether `scontrol` does what an administrator wishes."""
    environment = {**os.environ, **bench.login.environment}
    process = await asyncio.create_subprocess_exec("scontrol", *words, env=environment)
    return await process.wait() == 0


async def test_a_job_of_slurm_is_preempted(bench: ServerBench) -> None:
    urgent = "partition=urgent"
    assert await administrator(bench, "create", urgent, "nodes=node1", "prioritytier=9")
    try:
        request = bench.request("echo started >>witness; sleep 600")
        await bench.go(request)
        await bench.report(request.token, JobState.RUNNING)
        words = ("--parsable", "--partition=urgent", "--cpus-per-task=4", "--wrap=sleep 600")
        other = (await bench.login.run("sbatch", *words)).checked().strip()
        report = await bench.report(request.token, JobState.QUEUED)
        assert report.attempt == 2
        await bench.system.cancel(request.token)
        await bench.login.run("scancel", other)
    finally:

        async def gone() -> bool | None:
            """As soon as no job is in it any more."""
            return await administrator(bench, "delete", urgent) or None

        await bench.until(gone)


@pytest.mark.parametrize("requeued", [True, False])
async def test_a_node_fails_under_a_job(bench: ServerBench, requeued: bool) -> None:
    """It is queued again, as its next attempt, or has failed where its user wants no requeue."""
    request = bench.request("echo started >>witness; sleep 600")
    more = () if requeued else ("--no-requeue",)
    options = bench.options.model_copy(update={"native": (*bench.options.native, *more)})
    await bench.go(request.model_copy(update={"options": options}))
    await bench.report(request.token, JobState.RUNNING)

    async def idle() -> bool | None:
        """It comes back by itself as soon as it is heard of, or is brought back."""
        await administrator(bench, "update", NODE, "state=resume")
        said = await bench.login.run("sinfo", "--noheader", "--nodes=node1", "--format=%t")
        return {*said.stdout.split()} == {"idle"} or None

    assert await administrator(bench, "update", NODE, "state=down", "reason=smoke")
    try:
        if requeued:
            report = await bench.report(request.token, JobState.QUEUED)
            assert report.attempt == 2
        else:
            report = await bench.report(request.token, JobState.FAILED)
            assert "NODE_FAIL" in report.reason
    finally:
        await bench.system.cancel(request.token)
        await bench.until(idle)


async def test_what_can_never_start_says_so(bench: ServerBench) -> None:
    options = bench.options.model_copy(update={"queue": "short", "native": ()})
    request = bench.request("true", walltime=3000).model_copy(update={"options": options})
    await bench.go(request)
    report = await bench.report(request.token, JobState.QUEUED)
    assert report.waiting is Waiting.IMPOSSIBLE


async def test_slurm_tells_when_a_job_would_start(bench: ServerBench) -> None:
    request = bench.request("true")
    assert (await bench.system.estimate(request)).start
    array = request.model_copy(update={"instances": 4})
    assert (await bench.system.estimate(array)).start
    nine = request.model_copy(update={"nodes": 9, "options": JobOptions()})
    assert (await bench.system.estimate(nine)).impossible


@pytest.mark.parametrize("qos", ["few", "one"])
async def test_what_a_qos_does_not_take_now_goes_out_later(bench: ServerBench, qos: str) -> None:
    options = JobOptions(qos=qos)
    first = bench.request("sleep 60").model_copy(update={"options": options})
    second = bench.request("true").model_copy(update={"options": options})
    assert isinstance(await bench.go(first), Submitted)
    refused = await bench.go(second)
    assert isinstance(refused, Refused)
    assert not refused.permanent
    await bench.system.cancel(first.token)
    await bench.report(first.token, JobState.CANCELLED)

    async def taken() -> Submitted | None:
        answer = await bench.system.submit(second, 1)
        return answer if isinstance(answer, Submitted) else None

    await bench.until(taken)
    await bench.report(second.token, JobState.COMPLETED)


SOON = "StartTime=now+5"
"""Not two minutes after a requeue, nor before its node has cleared the first run away."""


async def test_the_beginning_of_an_option_is_no_way_around_what_is_ours(bench: ServerBench) -> None:
    line = ("--job=evil", "--arr=1-3", "--outp=/dev/null")
    request = bench.request("sleep 60").model_copy(update={"options": JobOptions(native=line)})
    answer = await bench.go(request)
    assert isinstance(answer, Submitted)
    assert answer.remarks.count("VESTEC sees to that") == 3
    await bench.report(request.token, JobState.RUNNING)
    await bench.system.cancel(request.token, answer.job_id)
    await bench.report(request.token, JobState.CANCELLED)


async def test_a_requeued_job_runs_again_as_its_next_attempt(bench: ServerBench) -> None:
    request = bench.request(
        "echo started >>witness; test ${SLURM_RESTART_COUNT:-0} -gt 0 || sleep 60"
    )
    answer = await bench.go(request)
    assert isinstance(answer, Submitted)
    await bench.begun(request.token)
    await bench.report(request.token, JobState.RUNNING)
    await bench.login.run("scontrol", "requeue", answer.job_id)
    report = await bench.report(request.token, JobState.QUEUED)
    assert report.attempt == 2
    await bench.login.run("scontrol", "update", f"jobid={answer.job_id}", SOON)

    async def again() -> JobReport | None:
        found = (await bench.system.find([request.token]))[request.token]
        return found if found.state is JobState.COMPLETED else None

    report = await bench.until(again)
    assert (report.attempt, report.copies) == (2, 0)
    assert await bench.starts(request.token) == 2


async def test_a_job_that_an_administrator_requeues_held_is_held(bench: ServerBench) -> None:
    request = bench.request("sleep 60")
    answer = await bench.go(request)
    assert isinstance(answer, Submitted)
    await bench.report(request.token, JobState.RUNNING)
    assert await administrator(bench, "requeuehold", answer.job_id)

    async def pending() -> bool | None:
        """Not only in the state in which it is for a moment."""
        said = await bench.login.run("squeue", "--noheader", f"--jobs={answer.job_id}", "-o%T")
        return said.stdout.strip() == "PENDING" or None

    await bench.until(pending)
    report = (await bench.system.find([request.token]))[request.token]
    assert (report.state, report.attempt) == (JobState.HELD, 2)
    assert report.waiting is Waiting.NEEDS_A_HUMAN
    assert report.expected is None


class Lent(ShellBatchSystem):
    """On a connection that somebody else opens and closes."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None


@asynccontextmanager
async def site_on(bench: ServerBench) -> AsyncIterator[AnySite]:
    site, connection = AnySite(), bench.connection
    manners = Manners(look=0.2, ask=2, retry=(0.1, 1))
    async with working(site, lambda *_: Lent(connection, bench.dialect, bench.layout), manners):
        yield site


async def test_what_failed_and_is_requeued_is_followed_to_its_end(bench: ServerBench) -> None:
    async with site_on(bench) as site:
        simulation = await site.submit("test -e again || { touch again; exit 3; }")
        await site.reach(simulation, JobState.FAILED)
        (confirmed,) = await site.of(o.SubmissionConfirmed, simulation)

        async def requeued() -> bool | None:
            """As soon as it is over for Slurm, too."""
            return await administrator(bench, "requeue", confirmed.job_id) or None

        await bench.until(requeued)
        await bench.login.run("scontrol", "update", f"jobid={confirmed.job_id}", SOON)
        completed = await site.reach(simulation, JobState.COMPLETED)
        assert completed.attempt == 2


async def test_an_end_is_known_while_the_controller_is_frozen(
    bench: ServerBench, slurm: RealSlurm
) -> None:
    async with site_on(bench) as site:
        simulation = await site.submit(WITNESS + "while ! test -e ../../go; do sleep 0.1; done")
        await site.reach(simulation, JobState.RUNNING)
        await bench.begun(token_of(simulation))
        slurm.controller.freeze()
        try:
            (await bench.login.run("touch", str(bench.layout.base / "go"))).checked()
            async with asyncio.timeout(PATIENCE):
                await site.reach(simulation, JobState.COMPLETED)
        finally:
            slurm.controller.thaw()


async def test_a_requeued_instance_runs_again_and_no_other(bench: ServerBench) -> None:
    runs = "echo $VESTEC_INSTANCE >>runs; test $VESTEC_INSTANCE != 2 || exit 3; "
    waits = "test $VESTEC_INSTANCE != 1 || test ${SLURM_RESTART_COUNT:-0} -gt 0 || sleep 60"
    request = bench.request(runs + waits).model_copy(update={"instances": 4, "cpus_per_task": 1})
    answer = await bench.go(request)
    assert isinstance(answer, Submitted)
    parts = parts_of(request.token, 4)
    requeued, id = parts[1], f"{answer.job_id}_1"
    ran = bench.folder(request.token) / "runs"

    async def begun() -> bool | None:
        return (ran.exists() and "1" in ran.read_text().split()) or None

    await bench.until(begun)  # which comes after the scheduler's word that it runs
    await bench.report(requeued, JobState.RUNNING)
    await bench.login.run("scontrol", "requeue", id)
    report = await bench.report(requeued, JobState.QUEUED)
    assert (report.job_id, report.attempt) == (id, 2)
    await bench.login.run("scontrol", "update", f"jobid={id}", SOON)

    async def ended() -> list[JobReport] | None:
        reports = list((await bench.system.find(parts)).values())
        return reports if all(one.state.ended for one in reports) else None

    reports = await bench.until(ended)
    assert [(one.job_id, one.attempt) for one in reports] == [
        (f"{answer.job_id}_{n}", 2 if n == 1 else 1) for n in range(4)
    ]
    assert [one.instance for one in reports if one.state is JobState.FAILED] == [2]
    assert sorted(ran.read_text().split()) == [*"01123"]


@pytest.mark.parametrize("line", ["sh ./job.sh", '"{folder}/job.sh"|cat'])
async def test_directives_of_a_script_are_applied(bench: ServerBench, line: str) -> None:
    job = bench.request(line)
    executable = line.format(folder=bench.folder(job.token))
    job = job.model_copy(update={"executable": executable})
    script = b"#!/bin/sh\n#SBATCH --export=NONE --job-name=x --array=1-3\necho started >>witness\n"
    answer = await bench.go(job, job__sh=script)
    assert isinstance(answer, Submitted)
    assert answer.remarks.count("VESTEC sees to that") == 2
    await bench.report(job.token, JobState.COMPLETED)
    assert await bench.starts(job.token) == 1
