"""Real processes: slots, order, walltime, deaths. What cannot be simulated."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from events.jobs import (
    JobOptions,
    JobReport,
    JobRequest,
    JobState,
    Token,
    Witness,
    parts_of,
)
from events.machines import MachineLoad
from interfaces.machines.connection import (
    CommandFailed,
    Completed,
    MachineError,
    NotUnderstood,
)
from interfaces.machines.connections.local import LocalConnection
from interfaces.machines.connections.remote_files import RemoteFiles, ShellTransfer
from interfaces.machines.dialect import Command, InDoubt, Refused, Submitted
from interfaces.machines.dialects.asking import TOOLS
from interfaces.machines.dialects.processes import Processes
from interfaces.machines.scripts.layout import quoted
from tests.interfaces.machines.conftest import chunks, new_token

if TYPE_CHECKING:
    from tests.interfaces.machines.conftest import ShellBench

ROOT = Path(__file__).parents[3]
TIMES = """date +%s%N >begin
until test "$(cat ../*/begin | wc -l)" -ge {slots}; do sleep 0.05; done
sleep 0.2; date +%s%N >end"""
"""When a program ran; it goes on when as many have begun as there are slots."""


async def test_no_more_jobs_run_than_there_are_slots(shell: ShellBench) -> None:
    program = TIMES.format(slots=shell.slots)
    tokens = [await shell.submitted(program) for _ in range(7)]
    for token in tokens:
        await shell.report(token, JobState.COMPLETED)
    begins = sorted(when(shell, token, "begin") for token in tokens)
    ends = sorted(when(shell, token, "end") for token in tokens)
    running = [sum(b <= at for b in begins) - sum(e < at for e in ends) for at in begins]
    assert max(running) == shell.slots


async def test_a_killed_waiter_does_not_hold_up_those_behind_it(shell: ShellBench) -> None:
    running = [await shell.submitted(shell.long) for _ in range(shell.slots)]
    for token in running:
        await shell.report(token, JobState.RUNNING)
    waiting = [await shell.submitted(shell.succeed) for _ in range(3)]
    await started_waiting(shell, waiting[0])
    os.killpg(shell.process(waiting[0]), signal.SIGKILL)
    report = await shell.report(waiting[0], JobState.LOST)
    assert "killed" in report.reason
    await shell.system.cancel(running[0])
    for token in waiting[1:]:
        await shell.report(token, JobState.COMPLETED)
    assert await shell.starts(waiting[0]) == 0


async def test_a_program_that_ignores_term_is_killed(shell: ShellBench) -> None:
    deaf = "trap '' TERM; echo $$ >pid; while :; do sleep 1; done"
    token = await shell.submitted(deaf, walltime=1)
    report = await shell.report(token, JobState.TIMEOUT)
    assert report.exit_code == 137
    assert report.started is not None
    assert report.ended is not None
    assert 2 <= report.ended - report.started < 10
    await ended(shell, token)


async def test_a_program_that_ends_well_when_told_to_stop_still_timed_out(
    shell: ShellBench,
) -> None:
    token = await shell.submitted("trap 'exit 0' TERM; while :; do sleep 0.1; done", walltime=1)
    assert (await shell.report(token, JobState.TIMEOUT)).witness == Witness.ACCOUNTING


async def test_a_warned_program_that_then_ends_timed_out_whoever_is_asked(
    shell: ShellBench,
) -> None:
    warned = JobOptions(warning=3)
    request = shell.request("trap 'exit 9' TERM; while :; do sleep 0.1; done", walltime=5)
    request = request.model_copy(update={"options": warned})
    await shell.system.prepare(request.token, {})
    await shell.system.submit(request, 1)

    async def accounted() -> JobReport | None:
        return await shell.system.hear(Witness.ACCOUNTING, request.token)

    report = await shell.until(accounted)
    marks = await shell.system.observe([request.token])
    found = await shell.report(request.token, JobState.TIMEOUT, JobState.FAILED)
    for said in (report, *marks, found):
        assert (said.state, said.exit_code) == (JobState.TIMEOUT, 9)


@pytest.mark.parametrize("code", [124, 137, 143, 75, 73])
async def test_a_programs_own_exit_code_is_not_mistaken(shell: ShellBench, code: int) -> None:
    token = await shell.submitted(f"exit {code}")
    assert (await shell.report(token, JobState.FAILED)).exit_code == code
    assert [r.exit_code for r in await shell.marks(token)] == [code]


@pytest.mark.parametrize("alone", ["", "setsid "])
async def test_children_that_a_program_leaves_end_with_it(shell: ShellBench, alone: str) -> None:
    leaves = f"{alone}sh -c 'echo $$ >pid; exec sleep 60' &"
    token = await shell.submitted(f"{leaves} until test -s pid; do sleep 0.1; done")
    await shell.report(token, JobState.COMPLETED)
    await ended(shell, token)

    async def slot_is_free() -> bool | None:
        return (await shell.system.load()).slots_used == 0 or None

    await shell.until(slot_is_free)


async def test_an_instance_that_is_killed_is_lost_and_no_other(shell: ShellBench) -> None:
    request = shell.request("test $VESTEC_INSTANCE = 0 || exec sleep 60")
    request = request.model_copy(update={"instances": 2})
    await shell.system.prepare(request.token, {})
    await shell.system.submit(request, 1)
    first, second = parts_of(request.token, 2)
    await shell.report(second, JobState.RUNNING)
    os.killpg(shell.process(second), signal.SIGKILL)
    report = await shell.report(second, JobState.LOST)
    assert report.job_id == f"{second}.1"
    await shell.report(first, JobState.COMPLETED)


async def test_a_job_whose_processes_are_killed_is_lost_and_its_program_ends(
    shell: ShellBench,
) -> None:
    token = await shell.submitted("echo $$ >pid; exec sleep 60")
    await has_pid(shell, token)
    os.killpg(shell.process(token), signal.SIGKILL)
    report = await shell.report(token, JobState.LOST)
    assert report.reason
    assert report.host
    await ended(shell, token)
    next_one = await shell.submitted(shell.succeed)
    await shell.report(next_one, JobState.COMPLETED)


async def test_a_killed_wrapper_is_seen_by_the_account(shell: ShellBench) -> None:
    token = await shell.submitted("echo $$ >pid; kill -9 $PPID; sleep 60")
    report = await shell.report(token, JobState.FAILED)
    assert (report.exit_code, report.witness) == (137, Witness.ACCOUNTING)
    await ended(shell, token)


async def test_cancelling_spares_a_process_that_has_a_dead_jobs_id(shell: ShellBench) -> None:
    token = await shell.submitted("true")
    await shell.report(token, JobState.COMPLETED)
    bystander = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    write(Path(shell.layout.ours(token), "lock"), f"{token}.1 {bystander.pid}\n")
    await shell.system.cancel(token)
    assert bystander.returncode is None
    bystander.kill()
    assert await bystander.wait() == -signal.SIGKILL


async def test_jobs_survive_the_death_of_everybody_who_submitted_them(shell: ShellBench) -> None:
    request = shell.request("sleep 0.5; echo started >>witness")
    await shell.system.prepare(request.token, {})
    child = submitting(shell, request)
    assert child.stdout
    assert await asyncio.to_thread(child.stdout.readline) == b"prepared\n"
    assert await asyncio.to_thread(child.stdout.readline) == b"submitted\n"
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    await shell.report(request.token, JobState.COMPLETED)
    assert await shell.starts(request.token) == 1


async def test_an_interrupt_from_the_keyboard_does_not_reach_jobs(shell: ShellBench) -> None:
    token = await shell.submitted("echo $$ >pid; exec sleep 60")
    pid = await has_pid(shell, token)
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) != os.getpgid(0)


async def test_a_job_sees_neither_our_secrets_nor_our_descriptors(
    shell: ShellBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESTEC_PASSWORD", "secret")
    shell.restart()
    token = await shell.submitted("env; ls /proc/self/fd")
    await shell.report(token, JobState.COMPLETED)
    lines = (shell.folder(token) / "stdout").read_text().splitlines()
    assert not [line for line in lines if "secret" in line or line.startswith("LC_ALL")]
    assert lines[-4:-1] == ["0", "1", "2"]


async def test_many_jobs_are_one_question(shell: ShellBench) -> None:
    tokens = [await shell.submitted("true") for _ in range(20)]
    for token in tokens:
        await shell.report(token, JobState.COMPLETED)
    assert set(await shell.system.find(tokens)) == set(tokens)
    assert {r.token for r in await shell.system.observe(tokens)} == set(tokens)


async def test_nobody_waits_for_what_a_program_leaves_among_our_files(shell: ShellBench) -> None:
    spool = quoted(shell.layout.spool)
    token = await shell.submitted(f'mkfifo .vestec/status-7 {spool}/"$(basename "$PWD")".x')
    async with asyncio.timeout(10):
        assert (await shell.report(token, JobState.COMPLETED)).attempt == 1
        assert [r.state for r in await shell.marks(token)] == [JobState.COMPLETED]


async def test_marks_that_are_of_no_job_asked_about_are_not_told(shell: ShellBench) -> None:
    token, other = await shell.submitted("true"), new_token()
    await shell.report(token, JobState.COMPLETED)
    spool = Path(shell.layout.spool)
    running = f"RUNNING\t{token}\t2\t9\n"
    for name in (f"note-{token}", f"{token}.note", f"{token}x"):
        write(spool / name, running)
    write(spool / f"{token}.copy-it's", f"RUNNING\t{other}\t1\t9\n")
    [report] = await shell.marks(token)
    assert (report.token, report.state) == (token, JobState.COMPLETED)


async def test_a_program_that_removes_its_folder_has_ended_as_it_did(shell: ShellBench) -> None:
    token = await shell.submitted('until test -e ../../go; do sleep 0.1; done; rm -rf "$PWD"')
    await shell.report(token, JobState.RUNNING)
    job = Path("/proc", str(shell.process(token)))
    write(Path(shell.layout.base, "go"), "")

    async def is_gone() -> bool | None:
        return not read(job / "stat") or None

    await shell.until(is_gone)
    (report,) = await shell.system.observe([token])
    assert (report.state, report.exit_code) == (JobState.COMPLETED, 0)


async def test_a_file_system_that_is_away_is_no_answer(shell: ShellBench) -> None:
    token = await shell.submitted(shell.long)
    await shell.report(token, JobState.RUNNING)
    base = Path(shell.layout.base)
    away = base.with_name("away")
    os.rename(base, away)
    for question in (
        shell.system.find([token]),
        shell.system.observe([token]),
        shell.system.observe([token], ask_scheduler=True),
    ):
        with pytest.raises(MachineError):
            await question
    os.rename(away, base)
    await shell.report(token, JobState.RUNNING)


@pytest.mark.parametrize("question", [Processes.jobs, Processes.history])
async def test_locks_and_accounts_that_are_away_are_no_answer(
    shell: ShellBench, question: Callable[..., Command[object]]
) -> None:
    asked = question(Processes(shell.layout), [new_token()])
    answer = await LocalConnection().run(asked.script(), deadline=10)
    with pytest.raises(CommandFailed):
        asked.parse(answer)


async def test_a_machine_needs_no_other_commands_than_are_checked(
    shell: ShellBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    for name in (*TOOLS.split(), "setpriv", "setsid", "true"):
        (bin / name).symlink_to(shutil.which(name) or "/nowhere")
    monkeypatch.setenv("PATH", str(bin))
    shell.restart()
    await shell.system.check()
    connection = LocalConnection()
    files = RemoteFiles(connection.run, lambda: nullcontext(ShellTransfer(connection.run)))
    running, waiting, behind = [await shell.submitted(shell.long) for _ in range(3)]
    await shell.report(waiting, JobState.RUNNING)
    await shell.begun(running)
    await shell.system.load()
    await shell.system.cancel(running)
    await shell.until(lambda: shell.system.hear(Witness.ACCOUNTING, running))
    await shell.report(running, JobState.CANCELLED)
    await shell.begun(behind)
    await shell.report(behind, JobState.RUNNING)
    assert [report.token for report in await shell.system.observe([running])] == [running]
    folder = shell.layout.folder(behind)
    await files.put(folder / "map", chunks(b"a map"))
    assert await anext(files.get(folder / "map", within=folder, limit=9)) == b"a map"
    assert await shell.system.stderr_tail(behind) == ""
    said = [(shell.folder(token) / ".vestec").rglob("*.log") for token in (running, behind)]
    assert not [text for logs in said for log in logs if "not found" in (text := read(log))]
    (bin / "awk").unlink()
    with pytest.raises(MachineError, match="no awk on its PATH"):
        await shell.system.check()


async def test_a_signal_while_a_job_tells_of_its_end_hinders_nothing(
    shell: ShellBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job sees the word that it must not start before the signal comes that should wake it."""
    tells = "case $3 in */account*) kill -TERM 0 ;; esac"
    shell.with_command(monkeypatch, tmp_path, "mv", tells)
    done, stopped = await shell.submitted(shell.succeed), await shell.submitted(shell.long)
    await shell.report(stopped, JobState.RUNNING)
    await shell.system.cancel(stopped)
    ends = (JobState.COMPLETED, JobState.CANCELLED)
    for token, end in zip((done, stopped), ends, strict=True):
        assert (await shell.report(token, *ends, JobState.LOST)).state is end
        assert (Path(shell.layout.ours(token)) / "submission-1" / "account").exists()


async def test_locks_that_cannot_be_had_are_not_held(
    shell: ShellBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await shell.submitted("true")
    await shell.report(token, JobState.COMPLETED)
    none = "echo 'flock: No locks available' >&2; exit 71"
    shell.with_command(monkeypatch, tmp_path, "flock", none)
    dialect = Processes(shell.layout)
    for question in (
        dialect.check(),
        dialect.jobs([token]),
        dialect.history([token]),
        dialect.load(),
    ):
        answer = await LocalConnection().run(question.script(), deadline=10)
        with pytest.raises(CommandFailed, match="No locks available"):
            question.parse(answer)


async def test_a_second_submission_while_the_job_lives_is_in_doubt(shell: ShellBench) -> None:
    request = shell.request(shell.long)
    await shell.system.prepare(request.token, {})
    first = await shell.system.submit(request, 1)
    await shell.report(request.token, JobState.RUNNING)
    with pytest.raises(InDoubt, match="alive"):
        await shell.system.submit(request, 2)
    report = await shell.report(request.token, JobState.RUNNING)
    assert isinstance(first, Submitted)
    assert report.job_id == first.job_id


def submitting(shell: ShellBench, request: JobRequest) -> subprocess.Popen[bytes]:
    """A process group of its own that submits and then waits to be killed."""
    return subprocess.Popen(
        [
            sys.executable,
            Path(__file__).with_name("submitter.py"),
            str(shell.layout.base),
            request.model_dump_json(),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


async def started_waiting(shell: ShellBench, token: Token) -> None:
    lock = Path(shell.layout.ours(token), "lock")

    async def waiting() -> bool | None:
        return bool(read(lock)) or None

    await shell.until(waiting)


async def has_pid(shell: ShellBench, token: Token) -> int:
    async def pid() -> int | None:
        text = read(shell.folder(token) / "pid")
        return int(text) if text.endswith("\n") else None

    return await shell.until(pid)


async def ended(shell: ShellBench, token: Token) -> None:
    """The process whose id the program left in `pid` is gone."""
    pid = await has_pid(shell, token)

    async def gone() -> bool | None:
        stat = read(Path(f"/proc/{pid}/stat"))
        return not stat or stat.split(") ")[1][0] == "Z" or None

    await shell.until(gone)


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def write(file: Path, text: str) -> None:
    file.write_text(text)


def when(shell: ShellBench, token: Token, file: str) -> int:
    return int(read(shell.folder(token) / file))


class Foreign(Command[Submitted | Refused]):
    """What a machine answers that is not what its dialect thinks it is."""

    def __init__(self, command: Command[Submitted | Refused] | Command[MachineLoad]) -> None:
        self._command = command

    def script(self) -> str:
        return f"({self._command.script()}) >/dev/null; echo what?"

    def parse(self, completed: Completed) -> Any:
        assert completed.stdout == "what?\n"
        raise ValueError("no number in it")


async def test_an_answer_that_nobody_understands_is_the_machines_failure(
    shell: ShellBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Processes.load
    monkeypatch.setattr(Processes, "load", lambda dialect: Foreign(load(dialect)))
    await shell.system.check()
    with pytest.raises(NotUnderstood, match=r"'what\?' \(ValueError: no number in it\)"):
        await shell.system.load()


async def test_a_submission_whose_answer_nobody_understands_is_in_doubt(
    shell: ShellBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Processes.submit
    monkeypatch.setattr(Processes, "submit", lambda dialect, *what: Foreign(submit(dialect, *what)))
    request = shell.request("true")
    await shell.system.prepare(request.token, {})
    with pytest.raises(InDoubt, match="not understood"):
        await shell.system.submit(request, 1)
    await shell.report(request.token, JobState.COMPLETED)
