"""Job folders that start from a template, however often that is tried and killed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from events import operations as o
from events.jobs import JobState, Token, Witness
from events.machines import MachineSettings
from interfaces.machines.connection import MachineError, NoRoom, TemplateUnfit
from interfaces.machines.connections.local import LocalConnection
from interfaces.machines.dialect import Submitted
from interfaces.machines.dialects.processes import Processes
from interfaces.machines.registry import connect
from interfaces.machines.scripts import folders
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.scripts.templates import StartFrom
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.testing.fake_machine import FakeMachine
from tests.interfaces.machines.conftest import chunks
from tests.interfaces.machines.hands_site import QUICK, AnySite, working

if TYPE_CHECKING:
    from tests.interfaces.machines.conftest import ShellBench

TOKEN = Token("v1")
FLOOD = "#!/bin/sh\necho started >>witness\ncat $1 data/roughness .hidden\n"


def make_template(layout: Layout, name: str = "flood") -> Path:
    """A program with its data, a link and what an old job has left of ours."""
    template = Path(layout.template(name))
    (template / "data").mkdir(parents=True)
    (template / ".vestec").mkdir()
    (template / ".vestec" / "cancel").touch()
    (template / "stderr").mkdir()
    (template / "stderr" / "no file").touch()
    (template / "stdout").write_text("an old job's\n")
    (template / "stdout.12").write_text("an old instance's\n")
    (template / "stdout.txt").write_text("the user's\n")
    for file, text in {"flood": FLOOD, "gauge.csv": "old\n", "data/roughness": "0.03\n"}.items():
        (template / file).write_text(text)
    (template / ".hidden").write_text("seen\n")
    (template / "flood").chmod(0o755)
    (template / "link").symlink_to("data/roughness")
    for folder in ("data", ".vestec", "stderr"):
        (template / folder).chmod(0o555)
    return template


async def test_a_job_starts_from_a_template_with_its_inputs_over_it(shell: ShellBench) -> None:
    make_template(shell.layout)
    request = shell.request("./flood gauge.csv")
    inputs = {"gauge.csv": chunks(b"3.2\n"), "data/more": chunks(b"")}
    await shell.system.prepare(request.token, inputs, "flood")
    assert isinstance(await shell.system.submit(request, 1), Submitted)
    report = await shell.report(request.token, JobState.COMPLETED)
    assert report.witness is Witness.STATUS_FILE
    folder = shell.folder(request.token)
    assert (folder / "stdout").read_text() == "3.2\n0.03\nseen\n"
    assert (folder / "stderr").read_text() == ""
    assert {file.name for file in folder.glob("stdout*")} == {"stdout", "stdout.txt"}
    assert os.readlink(folder / "link") == "data/roughness"
    assert (Path(shell.layout.template("flood")) / "gauge.csv").read_text() == "old\n"
    assert os.listdir(shell.layout.jobs) == [request.token]


async def test_it_is_copied_once(shell: ShellBench) -> None:
    template = make_template(shell.layout)
    request = shell.request("./flood gauge.csv")
    await shell.system.prepare(request.token, {"gauge.csv": chunks(b"3.2\n")}, "flood")
    (template / "flood").write_text("exit 9")
    await shell.system.prepare(request.token, {}, "flood")
    folder = shell.folder(request.token)
    assert (folder / "flood").read_text() == FLOOD
    assert (folder / "gauge.csv").read_text() == "3.2\n"
    shutil.rmtree(template)  # a job that has its copy needs the template no more
    await shell.system.prepare(request.token, {}, "flood")


@pytest.mark.parametrize("name", ["../jobs", "/etc", "a/../..", ".vestec", ".", "a//b"])
async def test_names_that_leave_the_templates_are_refused(shell: ShellBench, name: str) -> None:
    with pytest.raises(ValueError, match=r"stays in its folder|not the program's"):
        await shell.system.prepare(TOKEN, {}, name)


@pytest.mark.parametrize("name", ["absent", "$(touch pwned)", "a b; exit 0", "-rf", "flood/flood"])
async def test_a_template_that_is_not_there_is_said_so(shell: ShellBench, name: str) -> None:
    make_template(shell.layout)
    with pytest.raises(TemplateUnfit, match=r"there is no template (.|\n)* is no directory"):
        await shell.system.prepare(TOKEN, {}, name)
    assert not shell.folder(TOKEN).exists()


async def test_a_link_out_of_the_templates_is_not_followed(shell: ShellBench) -> None:
    outside = make_template(Layout(shell.layout.base / "elsewhere"))
    os.symlink(outside, make_template(shell.layout).parent / "away")
    with pytest.raises(TemplateUnfit, match=r"the template away is a link to (.|\n)* outside of"):
        await shell.system.prepare(TOKEN, {}, "away")


@pytest.mark.parametrize("file", ["out/x", "gauge.csv/x", "data"])
async def test_what_is_in_the_way_of_an_input_is_said_so(shell: ShellBench, file: str) -> None:
    template = make_template(shell.layout)
    outside = make_template(Layout(shell.layout.base / "elsewhere"), "empty/er").parent
    shutil.rmtree(outside / "er")
    (template / "out").symlink_to(outside)
    with pytest.raises(TemplateUnfit, match=file.partition("/")[0]):
        await shell.system.prepare(TOKEN, {file: chunks(b"x")}, "flood")
    assert os.listdir(outside) == os.listdir(shell.layout.jobs) == []


async def test_templates_that_are_away_are_no_answer(tmp_path: Path) -> None:
    layout = Layout(PurePosixPath(tmp_path / "base"), PurePosixPath(tmp_path / "away" / "t"))
    system = ShellBatchSystem(LocalConnection(), Processes(layout), layout)
    with pytest.raises(MachineError, match="away is not there") as raised:
        await system.prepare(TOKEN, {}, "flood")
    assert not isinstance(raised.value, TemplateUnfit)
    make_template(layout)
    await system.prepare(TOKEN, {}, "flood")
    assert "flood" in os.listdir(layout.folder(TOKEN))


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    machine = FakeMachine(tmp_path, {})
    make_template(machine.layout)
    return machine


def start(machine: FakeMachine) -> None:
    command = StartFrom(machine.layout, TOKEN, "flood")
    command.parse(machine.run(command.script()))


def require_a_whole_copy(machine: FakeMachine) -> None:
    folder = Path(machine.layout.folder(TOKEN))
    assert (folder / "flood").read_text() == FLOOD
    assert os.access(folder / "flood", os.X_OK)
    assert (folder / "data" / "roughness").exists()
    assert not [*(folder / ".vestec").iterdir()]
    assert os.listdir(machine.layout.jobs) == [TOKEN]


_HALF = 'for last; do :; done; printf half >"$last/flood"; mkdir "$last/data"; '


@pytest.mark.parametrize("by", ["cp", "find", "sync", "mv"])
def test_a_copy_that_is_killed_is_no_job_folder_and_made_anew(
    machine: FakeMachine, by: str
) -> None:
    """`find` is killed when the copy is whole, and `mv` when nothing else is left to do."""
    machine.tool(by, f"{_HALF if by == 'cp' else ''} kill -9 $PPID")
    with pytest.raises(MachineError):
        start(machine)
    assert not Path(machine.layout.folder(TOKEN)).exists()
    assert os.listdir(machine.layout.jobs)
    (machine.folder / "bin" / by).unlink()
    start(machine)
    require_a_whole_copy(machine)


def test_a_copy_that_goes_on_after_another_was_made_changes_nothing(machine: FakeMachine) -> None:
    """As where the connection was cut, and the shell lives on."""
    waiting, go = machine.folder / "waiting", machine.folder / "go"
    for fifo in (waiting, go):
        os.mkfifo(fifo)
    machine.tool("cp", f'{_HALF} : >{waiting}; read -r go <{go}; exec /bin/cp "$@"')
    script = StartFrom(machine.layout, TOKEN, "flood").script()
    environment = {"PATH": f"{machine.folder / 'bin'}:/usr/bin:/bin", "CALLS": "/dev/null"}
    late = subprocess.Popen(["/bin/sh", "-c", script], env=environment, stderr=subprocess.PIPE)
    waiting.read_text()
    (machine.folder / "bin" / "cp").unlink()
    start(machine)
    go.write_text("go\n")
    late.communicate(timeout=60)
    require_a_whole_copy(machine)


def test_a_full_disk_is_waited_for_and_nothing_is_left_on_it(machine: FakeMachine) -> None:
    machine.tool("cp", f"{_HALF} echo 'cp: x: No space left on device' >&2; exit 1")
    with pytest.raises(NoRoom):
        start(machine)
    assert os.listdir(machine.layout.jobs) == []


def test_what_cannot_be_read_is_no_template(machine: FakeMachine) -> None:
    machine.tool("cp", f"{_HALF} echo \"cp: cannot open 'x': Permission denied\" >&2; exit 1")
    with pytest.raises(TemplateUnfit, match="not all of the template flood can be read: cp: "):
        start(machine)
    assert os.listdir(machine.layout.jobs) == []


def test_what_was_begun_is_removed_with_the_job(machine: FakeMachine) -> None:
    machine.tool("cp", f"{_HALF} kill -9 $PPID")
    with pytest.raises(MachineError):
        start(machine)
    retire = folders.Retire(machine.layout, TOKEN)
    retire.parse(machine.run(retire.script()))
    assert os.listdir(machine.layout.jobs) == [TOKEN]
    start(machine)
    assert Path(machine.layout.folder(TOKEN)).is_file()


def test_what_was_begun_is_removed_when_its_job_is_cancelled(machine: FakeMachine) -> None:
    """Also if it goes on, as where the connection was cut, and the shell lives on."""
    forbid = folders.Forbid(machine.layout, TOKEN)
    (machine.folder / "forbid.sh").write_text(forbid.script())
    machine.tool("cp", f'{_HALF} /bin/sh {machine.folder}/forbid.sh; exec /bin/cp "$@"')
    start(machine)
    assert os.listdir(machine.layout.jobs) == [TOKEN]
    assert os.listdir(machine.layout.folder(TOKEN)) == [".vestec"]
    machine.tool("cp", f"{_HALF} kill -9 $PPID")
    shutil.rmtree(machine.layout.folder(TOKEN))
    with pytest.raises(MachineError):
        start(machine)
    forbid.parse(machine.run(forbid.script()))
    assert os.listdir(machine.layout.jobs) == [TOKEN]


async def test_a_simulation_starts_from_its_template_and_fails_at_once_without(
    tmp_path: Path,
) -> None:
    settings = MachineSettings(name="m", base_directory=str(tmp_path), templates="kept")
    make_template(Layout(PurePosixPath(tmp_path), PurePosixPath("kept")), "river/flood")
    site = AnySite(settings=settings)
    async with working(site, connect, QUICK):
        absent = await site.submit("./flood gauge.csv", template="absent")
        failed = await site.reach(absent, JobState.FAILED)
        assert "there is no template absent" in failed.reason
        there = await site.submit("./flood gauge.csv", template="river/flood")
        await site.reach(there, JobState.COMPLETED)
        await site.until(lambda: site.of(o.JobReleased, there))


async def test_a_simulated_machine_has_those_it_is_given_or_any() -> None:
    given = SimulatedBatchSystem(
        templates={"flood": {"flood": b"a program", "gauge.csv": b"old"}},
        results=lambda request, inputs: {"result": b" ".join(inputs.values())},
    )
    with pytest.raises(TemplateUnfit, match="there is no template absent"):
        await given.prepare(TOKEN, {}, "absent")
    await given.prepare(TOKEN, {"gauge.csv": chunks(b"3.2")}, "flood")
    assert [chunk async for chunk in given.fetch(TOKEN, "gauge.csv", 10)] == [b"3.2"]
    assert [chunk async for chunk in given.fetch(TOKEN, "flood", 10)] == [b"a program"]
    await SimulatedBatchSystem().prepare(TOKEN, {}, "any")


async def test_inputs_that_are_programs_can_be_run(shell: ShellBench) -> None:
    request = shell.request("./in/run.sh && ./true && test ! -x data")
    inputs = {
        "in/run.sh": chunks(b"#", b"!/bin/sh\n", b"echo started >>witness"),
        "true": chunks(_read("/bin/true")),
        "data": chunks(b"no program"),
    }
    await shell.system.prepare(request.token, inputs)
    await shell.system.submit(request, 1)
    await shell.report(request.token, JobState.COMPLETED)
    assert await shell.starts(request.token) == 1


def _read(file: str) -> bytes:
    return Path(file).read_bytes()
