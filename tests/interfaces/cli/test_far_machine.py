"""A whole system whose machine is reached over SSH: a real server, real shells, real jobs."""

import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interfaces.machines.connections.openssh import OpensshAccess, command
from tests.interfaces.cli.vestec import as_json, complaint, eventually, up, vestec
from tests.room import short_folder
from tests.sshd import Sshd, make_key

SIMPLE_JOB = '''
"""Runs one job with an input, and keeps what it writes."""

from datetime import timedelta

from workflows import Incident, Workflow

simple_job = Workflow("simple-job", version=1, title="One job")


@simple_job.on_activate
async def start(incident: Incident) -> None:
    done = await incident.simulations.run(
        "sort",
        executable="echo started >>witness; sort names >sorted; uname -n >&2; test -n \\"$SITE\\"",
        inputs={"names": "b\\na\\n"},
        walltime=timedelta(minutes=1),
        outputs=["sorted", "witness"],
    )
    incident.complete(f"{done.state} on {done.machine}")
'''


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as parent:
        yield parent / "data"


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """A system that looks often, in which the workflow can be run."""
    (folder.parent / "simple_job.py").write_text(SIMPLE_JOB)
    return {
        "PYTHONPATH": str(folder.parent),
        "VESTEC_WORKFLOWS": "simple_job:simple_job",
        "VESTEC_LOOK": "0.1",
        "VESTEC_ASK": "1",
    }


def add(folder: Path, server: Sshd, base: Path) -> None:
    access = [
        f"{name}={str(value).lower() if value is False else value}"
        for name, value in server.access().items()
    ]
    options = [word for one in access for word in ("--access", one)]
    vestec(
        "machines", "add", "far", "--connection", "ssh", *options, "--base-directory", base,
        "--environment", "SITE=here", "--enable", "--data", folder,
    )  # fmt: skip


def machine(folder: Path) -> Any:
    return as_json("machines", "show", "far", "--data", folder)


def incident(folder: Path) -> str:
    made = as_json("incidents", "create", "simple-job", "one", "--data", folder)
    vestec("incidents", "activate", made["id"], "--data", folder)
    return str(made["id"])


def completed(folder: Path, id: str) -> Any:
    """What is known of an incident, once it is completed; until then nothing."""
    found = as_json("incidents", "show", id, "--data", folder)
    assert found["incident"]["status"] != "ERROR", found["stages"]
    return found if found["incident"]["status"] == "COMPLETE" else None


def test_a_job_runs_on_a_machine_over_ssh(
    sshds: Any, folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    base = tmp_path / "far away"
    with sshds() as server, up(folder, environment) as system:
        add(folder, server, base)
        one = incident(folder)
        (job,) = eventually(lambda: completed(folder, one))["simulations"]
        assert (job["state"], job["machine"]) == ("COMPLETED", "far")
        with urllib.request.urlopen(f"{system.announced['url']}/metrics") as metrics:
            assert b'vestec_machine_shell_startup_seconds{machine="far"} ' in metrics.read()
        (place,) = (base / "jobs").iterdir()
        assert (place / "sorted").read_text() == "a\nb\n"
        assert (place / "witness").read_text() == "started\n"


def test_a_machine_is_checked_over_ssh(
    sshds: Any, folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with sshds() as server, up(folder, environment):
        add(folder, server, tmp_path / "base")
        found = as_json("machines", "check", "far", "--data", folder)
        marks = {one["about"]: one["mark"] for one in found["findings"]}
        assert marks["host key"] == marks["compute node"] == marks["transfer rate"] == "yes"
        shown = eventually(lambda: machine(folder)["checkup"])
        assert shown == found
        said = vestec("machines", "show", "far", "--data", folder)
        assert "✓\ttransfer rate" in said
        assert "job of a second" in vestec("machines", "audit", "far", "--data", folder)
        assert "no machine other" in complaint("machines", "check", "other", "--data", folder)
    assert "not known yet" in vestec("machines", "check", "far", "--data", folder)


def test_a_refused_login_is_shown_and_the_job_waits_for_somebody(
    sshds: Any, folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with sshds() as server:
        allowed = (server.folder / "authorized_keys").read_text()
        make_key(server.folder / "another")
        (server.folder / "authorized_keys").write_text(server.public("another"))
        with up(folder, environment):
            add(folder, server, tmp_path / "base")
            eventually(lambda: machine(folder)["login_needed"])
            assert "LOGIN NEEDED" in vestec("machines", "list", "--data", folder)
            assert "does not let" in machine(folder)["reason"]
            one = incident(folder)
        refused = server.log().count("Failed publickey")
        assert refused == 1
        with up(folder, environment):
            assert machine(folder)["login_needed"]
            vestec("machines", "login", "far", "--data", folder)
            eventually(lambda: machine(folder)["login_needed"])
            assert server.log().count("Failed publickey") == refused + 1
            (server.folder / "authorized_keys").write_text(allowed)
            vestec("machines", "login", "far", "--data", folder)
            eventually(lambda: completed(folder, one))
            assert not machine(folder)["login_needed"]


def test_a_person_logs_in_for_openssh(
    sshds: Any, folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with sshds() as server, up(folder, environment):
        access = ("host=cluster", f"config={server.openssh_config()}", f"socket={folder}-%C")
        options = [word for one in access for word in ("--access", one)]
        base = ("--base-directory", tmp_path / "base", "--environment", "SITE=here", "--enable")
        far = ("far", "--connection", "openssh", *options, *base, "--data", folder)
        vestec("machines", "add", *far)
        eventually(lambda: machine(folder)["login_needed"])
        assert "vestec machines login far" in machine(folder)["reason"]
        one = incident(folder)
        (server.folder / "authorized_keys").rename(server.folder / "kept")
        assert "Nobody is logged in" in complaint("machines", "login", "far", "--data", folder)
        (server.folder / "kept").rename(server.folder / "authorized_keys")
        vestec("machines", "login", "far", "--data", folder)
        try:
            eventually(lambda: completed(folder, one))
        finally:
            found = as_json("machines", "show", "far", "--data", folder)["settings"]
            ask = command(OpensshAccess.model_validate(found["access"]), "-O", "exit")
            subprocess.run(ask, check=True, stderr=subprocess.DEVNULL)
