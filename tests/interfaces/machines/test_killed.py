"""Every script killed before each of its commands: a program starts once, no job is forgotten.

The scripts run in bash here, whose `DEBUG` trap kills them where the test wants it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from events.jobs import JobRequest, JobState
from interfaces.machines.dialect import InDoubt, Refused, Submitted
from interfaces.machines.dialects.processes import Processes
from interfaces.machines.scripts.submission import Submission
from interfaces.machines.scripts.wrapper import CANCELLED, IS_COPY, wrapper
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.interfaces.machines.conftest import ShellBench

ROOT = Path(__file__).parents[3]
COMMANDS = [*range(1, 25), *range(25, 50, 5)]
"""Before the claim, at it, and until after the end of a wrapper's work."""
TRAP = """
if test -e ../kill-${0##*/}; then
    set -T; n=0 at=$(cat ../kill-${0##*/}); rm ../kill-${0##*/}
    trap 'n=$((n + 1)); if test $n = $at; then kill -9 $$; fi' DEBUG
fi
"""


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: ShellBench) -> ShellBench:
    """Scripts of a job die before the command whose number is in `kill-<script>`."""
    trap, sh = tmp_path / "trap", tmp_path / "bin" / "sh"
    trap.write_text(TRAP)
    sh.parent.mkdir()
    sh.write_text(f'#!/bin/sh\nexec env BASH_ENV={trap} bash "$@"\n')
    sh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sh.parent}:{os.environ['PATH']}")
    shell.restart()
    return shell


async def test_a_killed_submission_is_made_good(deadly: ShellBench) -> None:
    async def kill(command: int) -> bool:
        request = await doomed(deadly, "submit.sh", command)
        answer = await insist(deadly, request)
        assert isinstance(answer, Submitted)
        await deadly.report(request.token, JobState.COMPLETED)
        assert await deadly.starts(request.token) == 1
        return answer.job_id.endswith(".2")

    repeated = await asyncio.gather(*(kill(command) for command in range(1, 30, 2)))
    assert 2 < sum(repeated) < 13


async def test_a_submission_cut_at_any_command_goes_out_once(deadly: ShellBench) -> None:
    dialect = Processes(deadly.layout, deadly.slots)

    async def cut(command: int) -> bool:
        request = await doomed(deadly, "outer.sh", command)
        script = Submission(request, 1, deadly.layout, dialect).script()
        environment = {**os.environ, "BASH_ENV": str(Path(deadly.layout.base).parent / "trap")}
        run = await asyncio.create_subprocess_exec(
            "bash", "-c", script, "outer.sh",
            cwd=f"{deadly.layout.ours(request.token)}/deep",
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        killed = await run.wait() == -signal.SIGKILL
        await insist(deadly, request)
        report = await deadly.report(request.token, JobState.COMPLETED)
        assert (await deadly.starts(request.token), report.copies) == (1, 0)
        return killed

    assert sum(await asyncio.gather(*(cut(command) for command in range(1, 25)))) > 10


async def test_a_killed_job_is_lost_or_done(deadly: ShellBench) -> None:
    async def kill(command: int) -> JobState:
        request = await doomed(deadly, "job.sh", command)
        await deadly.system.submit(request, 1)
        report = await deadly.report(request.token, JobState.COMPLETED, JobState.LOST)
        starts = await deadly.starts(request.token)
        assert starts <= 1
        assert report.state is JobState.LOST or starts == 1
        return report.state

    ends = await asyncio.gather(*(kill(command) for command in range(1, 110, 3)))
    assert set(ends) == {JobState.LOST, JobState.COMPLETED}


async def doomed(shell: ShellBench, script: str, command: int) -> JobRequest:
    request = shell.request("echo started >>witness")
    await shell.system.prepare(request.token, {})
    arm(Path(shell.layout.ours(request.token)), script, command)
    return request


def arm(cwd_above: Path, script: str, command: int) -> None:
    (cwd_above / "deep").mkdir(exist_ok=True)
    (cwd_above / f"kill-{script}").write_text(str(command))


def test_a_killed_wrapper_has_claimed_for_good_or_not_at_all(
    shell: ShellBench, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    trap.write_text(TRAP)
    claims = [claimed_when_killed(shell, trap, command) for command in COMMANDS]
    assert claims == sorted(claims)
    assert 2 < claims.index(True) < 10


def claimed_when_killed(shell: ShellBench, trap: Path, command: int) -> bool:
    """Kill job 1's wrapper, run job 2's, then job 1's again: as after a requeue."""
    request = shell.request("echo started >>witness")
    ours = Path(shell.layout.ours(request.token))
    ours.mkdir(parents=True)
    Path(shell.layout.spool).mkdir(exist_ok=True)
    arm(ours.parent, "wrapper.sh", command)
    run_wrapper(shell, request, "1", BASH_ENV=str(trap))
    claimed, starts = (ours / "claim").is_symlink(), asyncio.run(shell.starts(request.token))
    assert starts == 0 or claimed
    assert run_wrapper(shell, request, "2") == (IS_COPY if claimed else 0)
    assert asyncio.run(shell.starts(request.token)) == (starts if claimed else 1)
    assert run_wrapper(shell, request, "1") == (0 if claimed else IS_COPY)
    assert asyncio.run(shell.starts(request.token)) == starts + 1
    return claimed


def run_wrapper(shell: ShellBench, request: JobRequest, job_id: str, **environment: str) -> int:
    """Run it until all its processes have ended, and the pipe that they all hold is closed."""
    ours = Path(shell.layout.ours(request.token))
    (ours / "wrapper.sh").write_text(wrapper(request, shell.layout, job_id))
    reading, writing = os.pipe()
    run = subprocess.run(
        ["bash", "wrapper.sh"],
        cwd=ours,
        env={**os.environ, **environment},
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
        check=False,
    )
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert pipe.read() == b""
    return run.returncode


async def test_two_wrappers_at_once_start_the_program_once(shell: ShellBench) -> None:
    for _ in range(10):
        request = shell.request("echo started >>witness; sleep 0.02")
        await shell.system.prepare(request.token, {})
        ours = Path(shell.layout.ours(request.token))
        runs = []
        for job_id in ("1", "2", "3"):
            file = ours / f"wrapper-{job_id}.sh"
            file.write_text(wrapper(request, shell.layout, job_id))
            runs.append(await asyncio.create_subprocess_exec("sh", file))
        codes = [await run.wait() for run in runs]
        assert sorted(codes) == [0, IS_COPY, IS_COPY]
        assert await shell.starts(request.token) == 1
        [report] = await shell.system.observe([request.token])
        assert (report.state, report.copies) == (JobState.COMPLETED, 2)


async def test_a_requeued_job_is_another_run_with_a_status_of_its_own(shell: ShellBench) -> None:
    request = shell.request("echo started >>witness; test $(wc -l <witness) = 2")
    await shell.system.prepare(request.token, {})
    text = wrapper(request, shell.layout, "7")
    for attempt, state in ((1, JobState.FAILED), (2, JobState.COMPLETED)):
        await (await asyncio.create_subprocess_exec("sh", "-c", text)).wait()
        [report] = await shell.system.observe([request.token])
        assert (report.attempt, report.state) == (attempt, state)
    assert (await shell.report(request.token, JobState.COMPLETED)).attempt == 2


async def test_a_wrapper_that_is_told_to_stop_tells_its_program(shell: ShellBench) -> None:
    request = shell.request("trap 'exit 9' TERM; echo >ready; while :; do sleep 0.05; done")
    await shell.system.prepare(request.token, {})
    run = await asyncio.create_subprocess_exec("sh", "-c", wrapper(request, shell.layout, "7"))

    async def ready() -> bool | None:
        return (shell.folder(request.token) / "ready").exists() or None

    await shell.until(ready)
    run.terminate()
    assert await run.wait() == 9
    [report] = await shell.system.observe([request.token])
    assert (report.state, report.exit_code) == (JobState.ENDING, 9)


async def test_a_forbidden_job_does_not_start(shell: ShellBench) -> None:
    request = shell.request("echo started >>witness")
    await shell.system.prepare(request.token, {})
    await shell.system.cancel(request.token)
    text = wrapper(request, shell.layout, "7")
    assert await (await asyncio.create_subprocess_exec("sh", "-c", text)).wait() == CANCELLED
    assert await shell.starts(request.token) == 0


@pytest.mark.parametrize("seed", range(3))
async def test_a_submitter_killed_at_any_moment_has_submitted_once(
    shell: ShellBench, seed: int
) -> None:
    delays = random.Random(seed)
    requests = [shell.request("echo started >>witness") for _ in range(5)]
    children = [await submitter(shell, request) for request in requests]
    for child in children:
        assert child.stdout
        assert await child.stdout.readline() == b"prepared\n"
        await asyncio.sleep(delays.uniform(0, 0.05))
        child.kill()
        await child.wait()
    for request in requests:
        await insist(shell, request)
        await shell.report(request.token, JobState.COMPLETED)
        assert await shell.starts(request.token) == 1


async def test_racing_submitters_submit_once(shell: ShellBench) -> None:
    requests = [shell.request("echo started >>witness") for _ in range(4)]
    for request in requests:
        await shell.system.prepare(request.token, {})
        answers = await asyncio.gather(*(insist(shell, request) for _ in range(4)))
        assert len(set(answers)) == 1
    for request in requests:
        report = await shell.report(request.token, JobState.COMPLETED)
        assert report.copies == 0


async def insist(shell: ShellBench, request: JobRequest) -> Submitted | Refused:
    """Submit as a manager does: in doubt, look it up; only a job that is nowhere goes out again."""
    for submission in range(1, 5):
        try:
            return await shell.system.submit(request, submission)
        except InDoubt:
            async with asyncio.timeout(PATIENCE):
                while found := (await shell.system.find([request.token])).get(request.token):
                    if found.job_id:  # a job that begins has its lock before it says so
                        return Submitted(found.job_id)
                    await shell.pass_time()
    raise AssertionError("in doubt for ever")


async def submitter(shell: ShellBench, request: JobRequest) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("submitter.py")),
        str(shell.layout.base),
        request.model_dump_json(),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
