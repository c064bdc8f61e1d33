"""`vestec up`: who comes second, how it ends, and what waits for it meanwhile."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interfaces.cli.vestec import COMMAND, as_json, complaint, eventually, invoke, up, vestec
from tests.room import short_folder

BURNER = '''
"""A workflow with a step that computes for a minute and cannot be stopped."""

import time

from workflows import Incident, Workflow

burner = Workflow("burner", version=1, title="Burns a core")


def burn() -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass


@burner.on_activate
async def start(incident: Incident) -> None:
    await incident.step(burn)
'''

LINGERER = '''
"""A workflow whose last stage does not end by itself."""

from datetime import timedelta

from workflows import Incident, Workflow

lingerer = Workflow("lingerer", version=1, title="Waits")


@lingerer.on_end
async def clean(incident: Incident) -> None:
    await incident.ask("Is all put away?", ["yes"], timedelta(days=1000), "yes")
'''


@pytest.fixture
def new_folder() -> Iterator[Path]:
    """A folder that is not there yet, with a short path."""
    with short_folder() as parent:
        yield parent / "data"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One for all tests that do not care what happened in it before."""
    with short_folder() as parent:
        yield parent / "data"


def test_what_is_said_before_the_first_start_waits_for_it(new_folder: Path) -> None:
    folder = new_folder
    added = invoke("users", "add", "anna", "--password-stdin", "--data", folder, stdin="secret")
    assert added.exit_code == 0
    assert f"accepted; no system runs in {folder}, start it with: vestec up" in added.stderr
    made = as_json("incidents", "create", "simple", "early", "--data", folder)
    assert made["known"] is False
    assert invoke("incidents", "activate", made["id"], "--data", folder).exit_code == 0
    with up(folder) as system:
        eventually(lambda: as_json("users", "list", "--data", folder)[0]["enabled"])
        eventually(lambda: "ACTIVE" in vestec("incidents", "list", "--data", folder))
        second = subprocess.run(
            [COMMAND, "up", "--data", str(folder)], capture_output=True, text=True, timeout=30
        )
        assert second.returncode == 0
        assert system.announced["url"] in second.stdout
        logs = folder.with_name("data.log")
        assert '"event": "partition taken over"' in logs.read_text()
        assert system.end(signal.SIGINT) == 0
    assert not (folder / "address.json").exists()
    assert "ACTIVE" in vestec("incidents", "list", "--data", folder)


def test_a_killed_system_is_not_believed_to_run(folder: Path) -> None:
    with up(folder) as system:
        assert system.end(signal.SIGKILL) == -signal.SIGKILL
        assert (folder / "address.json").exists()
        said = invoke("incidents", "create", "simple", "x", "--data", folder)
        assert "no system runs" in said.stderr
        drained = invoke("machines", "drain", "local", "--data", folder)
        assert "local is not drained" in drained.stderr
        assert (drained.exit_code, drained.stdout) == (1, "")
        with up(folder) as next_one:
            assert next_one.announced["pid"] != system.announced["pid"]
            eventually(lambda: "PENDING" in vestec("incidents", "list", "--data", folder))


def test_a_stage_that_burns_a_core_does_not_keep_it_from_ending(folder: Path) -> None:
    with up(folder, _installed(folder, "burner", BURNER)) as system:
        made = as_json("incidents", "create", "burner", "hot", "--data", folder)
        vestec("incidents", "activate", made["id"], "--data", folder)
        eventually(lambda: _cpu_seconds(system.announced["pid"], 0.3))
        asked = time.monotonic()
        assert system.end(signal.SIGTERM) == 0
        assert time.monotonic() - asked < 15


def _installed(folder: Path, name: str, code: str) -> dict[str, str]:
    """The environment in which a workflow is installed beside ours."""
    installed = folder.parent / "installed"
    package = installed / f"{name}-1.dist-info"
    package.mkdir(parents=True)
    (installed / f"{name}.py").write_text(code)
    (package / "METADATA").write_text(f"Name: {name}\nVersion: 1\n")
    (package / "entry_points.txt").write_text(f"[vestec.workflows]\n{name} = {name}:{name}\n")
    return {"PYTHONPATH": str(installed)}


def _cpu_seconds(pid: int, least: float) -> bool:
    """Whether one thread of a process, not its first, has computed for so long."""
    ticks = os.sysconf("SC_CLK_TCK")
    for thread in Path(f"/proc/{pid}/task").iterdir():
        name = (thread / "comm").read_text().strip()
        times = (thread / "stat").read_text().rpartition(")")[2].split()
        if thread.name != str(pid) and name != "x" and int(times[11]) / ticks > least:
            return True
    return False


def test_an_incident_whose_clean_up_hangs_is_ended_by_force(folder: Path) -> None:
    with up(folder, _installed(folder, "lingerer", LINGERER)):
        id = as_json("incidents", "create", "lingerer", "slow", "--data", folder)["id"]
        vestec("incidents", "activate", id, "--data", folder)
        said = invoke("incidents", "cancel", id, "--reason", "rain", "--data", folder)
        assert said.stdout == f"{id} ACTIVE\n"
        assert f"To end it without: vestec incidents cancel {id} --force" in said.stderr
        log = eventually(lambda: vestec("incidents", "log", id, "--data", folder))
        assert "its last stage cleans up\tIf that does not end, cancel the incident with" in log
        over = as_json(
            "incidents", "cancel", id, "--reason", "it hangs", "--force", "--data", folder
        )
        assert (over["status"], over["reason"]) == (
            "CANCELLED",
            "rain; its clean-up was stopped: it hangs",
        )


def test_a_port_in_use_is_one_line(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [COMMAND, "up", "--data", str(folder), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 1
    assert "--port" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_a_log_file_is_written_instead_of_stderr(folder: Path) -> None:
    said = complaint("up", "--data", folder, "--log-file", folder / "missing" / "log")
    assert "No such file" in said


def test_a_demonstration_that_is_interrupted_is_no_success(new_folder: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "demo", "wildfire", "--exit", "--data", str(new_folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        eventually(lambda: [*new_folder.glob("**/postmaster.pid")])
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on with the same incident" in said
