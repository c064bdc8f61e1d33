"""What an administrator of machines does, on a system that runs."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.settings import Settings
from deploy.storage import open_storage
from events.jobs import JobOptions
from events.simulations import CreateSimulation, Resources, SimulationRequest, SubmitSimulation
from events.values import Context, IncidentId
from interfaces.issuing import Write, issue
from tests.interfaces.cli.vestec import COMMAND, Up, as_json, complaint, eventually, up, vestec
from tests.patience import PATIENCE
from tests.room import short_folder

HOUR = Resources(walltime=3600)


@pytest.fixture(scope="module")
def running() -> Iterator[Up]:
    """One system for all tests here."""
    with short_folder() as parent, up(parent / "data") as system:
        yield system


@pytest.fixture
def here(running: Up, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the running system, for every command of a test."""
    monkeypatch.setenv("VESTEC_DATA", str(running.folder))
    return running.folder


def incident(*options: str) -> str:
    made = as_json("incidents", "create", "simple", "a fire", *options)
    return str(made["id"])


def simulate(folder: Path, incident: str, machine: str, owner: str = "", **more: Any) -> UUID:
    """What otherwise a stage does: create a simulation on a machine, and submit it."""
    id = uuid4()
    wanted = SimulationRequest(
        kind="spread", executable="true", resources=HOUR, machine=machine, **more
    )
    create = CreateSimulation(
        simulation=id, incident=IncidentId(incident), request=wanted, owner=owner
    )
    asyncio.run(_issue(folder, incident, create, SubmitSimulation(simulation=id)))
    eventually(lambda: any(row["id"] == str(id) for row in as_json("simulations", "list")))
    return id


async def _issue(
    folder: Path, incident: str, create: CreateSimulation, submit: SubmitSimulation
) -> None:
    async with open_storage(Settings(data=folder)) as storage:
        make = Write(uuid4(), Context.SIMULATIONS, incident, create)
        await issue(storage.log, storage.clock, make, "test")
        async with asyncio.timeout(PATIENCE):
            while await _state(storage.pool, create.simulation) not in _PLACED:
                await asyncio.sleep(0.02)
        send = Write(uuid4(), Context.SIMULATIONS, incident, submit)
        await issue(storage.log, storage.clock, send, "test")


_PLACED = [(True, "CREATED"), (False, "FAILED")]


async def _state(pool: Any, simulation: UUID) -> tuple[bool, str] | None:
    """Whether it has its machine, and its state."""
    found = await pool.fetchrow(
        "select machine, state from vestec_read.simulations where id = $1", simulation
    )
    return found and (found["machine"] is not None, found["state"])


def state(simulation: UUID) -> str:
    return str(as_json("simulations", "show", simulation)["state"])


def test_of_edits_at_once_none_undoes_another(here: Path) -> None:
    vestec("machines", "add", "e", "--base-directory", here / "e", "--test-mode")
    changes = ("--slots=3", "--nodes=4", "--limit=commands=60", "--environment=A=1")
    edits = [subprocess.Popen([COMMAND, "machines", "edit", "e", change]) for change in changes]
    assert [edit.wait(PATIENCE) for edit in edits] == [0] * len(edits)
    now = as_json("machines", "show", "e")["settings"]
    assert (now["slots"], now["nodes"], now["environment"]) == (3, 4, {"A": "1"})
    assert now["limits"]["commands"] == 60
    vestec("machines", "remove", "e")


def test_whose_account_pays_is_mapped_and_audited(here: Path) -> None:
    vestec("users", "add", "ada", "--password-stdin", stdin="pw")
    hers, another, third = incident("--owner", "ada"), incident(), incident()
    new = ("machines", "add", "m", "--base-directory", here / "m", "--test-mode", "--enable")
    assert "no user or incident" in complaint(*new, "--account", "eve=z01")
    vestec(*new, "--account", "ada=z01", "--accounts-only")
    assert "no user or incident" in complaint("machines", "edit", "m", "--account", "eve=z01")
    vestec("machines", "edit", "m", "--account", f"{another[:13]}=z07")
    assert '"ada": "z01"' in vestec("machines", "show", "m")
    assert '"ada"' not in "".join(vestec("log", "show", "machines", "--json"))
    ada = as_json("incidents", "show", hers)["incident"]["owner"]
    charged = {simulate(here, hers, "m", ada): "z01", simulate(here, another, "m"): "z07"}
    refused = simulate(here, third, "m")
    eventually(lambda: state(refused) == "FAILED")
    assert "nobody has given" in as_json("simulations", "show", refused)["reason"]
    vestec("machines", "edit", "m", "--accounts-or-default", "--account", "ada=null")
    free = simulate(here, third, "m")
    for id in (*charged, free):
        eventually(lambda id=id: as_json("simulations", "show", id)["job_id"])  # type: ignore[misc]
    lines = [one for one in as_json("machines", "audit", "m") if one["simulation"]]
    paid = {(one["simulation"], one["account"]) for one in lines}
    assert paid == {*((str(id), account) for id, account in charged.items()), (str(free), None)}
    whose = {(one["incident"], one["owner"], one["actor"]) for one in lines}
    assert whose == {(hers, "ada", "test"), (another, None, "test"), (third, None, "test")}


def test_a_machine_that_names_an_agent_waits_for_it(here: Path) -> None:
    where = ("--base-directory", here / "n", "--test-mode", "--enable")
    vestec("machines", "add", "n", *where, "--agent", "near")
    assert as_json("machines", "show", "n")["reachable"] is None
    fire = incident()
    waiting = simulate(here, fire, "n")
    run = [COMMAND, "run", "machine-interface", "--agent", "near", "--data", str(here), "--json"]
    with (here.parent / "near.log").open("w") as logs, subprocess.Popen(run, stderr=logs) as near:
        try:
            eventually(lambda: as_json("simulations", "show", waiting)["job_id"])
            assert as_json("machines", "show", "n")["reachable"]
        finally:
            near.terminate()
    eventually(lambda: as_json("machines", "show", "n")["reachable"] is False)
    assert "no agent of it is alive (near)" in vestec("machines", "list")
    lines = [one for one in as_json("machines", "audit", "n") if one["command"] == "agent"]
    assert [one["result"] for one in lines] == ["near works there from now on"]


def test_when_a_job_would_start_is_asked_before_it_is_submitted(here: Path) -> None:
    for name, how in (("p", ()), ("q", ("--test-mode",))):
        vestec("machines", "add", name, "--base-directory", here / name, "--enable", *how)
        eventually(lambda name=name: as_json("machines", "show", name)["reachable"])  # type: ignore[misc]
    never = vestec("machines", "estimate", "p", "--walltime", 60, "--nodes", 2)
    assert "p would never start it: it has one node" in never
    assert "does not tell" in vestec("machines", "estimate", "q", "--walltime", 60)
    assert as_json("machines", "estimate", "q", "--walltime", 60)["start"] is None
    assert "no machine r" in complaint("machines", "estimate", "r", "--walltime", 60)


def test_a_simulation_is_held_and_released(here: Path) -> None:
    where = ("--base-directory", here / "h", "--test-mode", "--enable")
    vestec("machines", "add", "h", *where)
    fire = incident()
    id = simulate(here, fire, "h", options=JobOptions(hold=True))
    eventually(lambda: state(id) == "HELD")
    assert "release it" in vestec("incidents", "log", fire).lower()
    assert as_json("simulations", "release", id)["id"] == str(id)
    eventually(lambda: state(id) in ("QUEUED", "RUNNING", "COMPLETED"))
    vestec("simulations", "cancel", id)
    refused = complaint("simulations", "hold", id, "--reason", "too late")
    assert "only what waits in a queue is held" in refused
    told = [(one["command"], one["result"]) for one in as_json("machines", "audit", "h")]
    assert ("release", "intended") in told
    assert ("release", "done: the machine took it") in told


def test_jobs_start_from_the_templates_that_an_administrator_names(here: Path) -> None:
    for kept in ("first", "second"):
        template = here / "t" / kept / "flood"
        template.mkdir(parents=True)
        (template / "gauge").write_text(kept)
    where = ("--base-directory", here / "t", "--templates", "first", "--enable")
    vestec("machines", "add", "t", *where)
    assert "below the base" in complaint("machines", "edit", "t", "--templates", "~/kept")
    fire = incident()
    for kept in ("first", "second"):
        vestec("machines", "edit", "t", "--templates", kept)
        id = simulate(here, fire, "t", template="flood")
        eventually(lambda id=id: state(id) == "COMPLETED")  # type: ignore[misc]
        folder = as_json("simulations", "show", id)["folder"]
        assert Path(folder, "gauge").read_text() == kept


def test_until_when_folders_last_is_shown_as_long_as_somebody_looks_after_them(here: Path) -> None:
    where = ("--base-directory", here / "k", "--enable")
    vestec("machines", "add", "k", *where, "--folder", "keep=30", "--folder", "purge=60")
    id = simulate(here, incident(), "k")
    eventually(lambda: as_json("simulations", "show", id)["folder_kept_until"])
    dates = ("folder_kept_until", "folder_purged_from")
    machine, job = as_json("machines", "show", "k"), as_json("simulations", "show", id)
    assert all(machine[date] == job[date] is not None for date in dates)
    assert Path(job["folder"]).is_dir()
    vestec("machines", "edit", "k", "--base-directory", here / "elsewhere")
    eventually(lambda: as_json("simulations", "show", id)["folder"] is None)
    machine, job = as_json("machines", "show", "k"), as_json("simulations", "show", id)
    assert not [date for date in dates if machine[date] or job[date]]


def test_machines_that_openssh_and_aiida_know_are_shown_and_added(
    here: Path, tmp_path: Path
) -> None:
    config, setup = tmp_path / "config", tmp_path / "setup.yaml"
    config.write_text(
        "Host archer\n  HostName archer.invalid\n  ForwardX11 yes\nHost other\n  Port x\n"
    )
    setup.write_text(
        "label: box\nhostname: localhost\ntransport: core.local\nscheduler: core.direct\n"
        f"work_dir: {tmp_path}/work\n"
    )
    shown = vestec("machines", "import", config, setup)
    assert "archer: forwardx11 yes: it is not carried over" in shown
    assert "other: it cannot be added so: " in shown
    assert "archer: it cannot" not in shown
    assert [one["missing"] for one in as_json("machines", "import", setup, config)] == [
        ["base_directory", "dialect"],
        ["base_directory", "dialect"],
        [],
    ]
    alone = ("machines", "import", config, "--only", "archer")
    assert "say --base-directory and --dialect" in complaint(*alone, "--add")
    assert "name no nobody" in complaint("machines", "import", config, "--only", "nobody")
    said = ("--base-directory", "/scratch", "--dialect", "slurm")
    vestec(*alone, *said, "--add")
    vestec("machines", "import", setup, "--add")
    archer = as_json("machines", "show", "archer")
    assert (archer["enabled"], archer["settings"]["dialect"]) == (False, "slurm")
    assert as_json("machines", "show", "box")["settings"]["dialect"] == "processes"
    assert "other" not in vestec("machines", "list")


@pytest.mark.parametrize(
    ("setup", "way", "why"),
    [
        ("label: '!!'", "", "no name that a machine can have"),
        ("label: b\nmpiprocs_per_machine: -5", "", "cores_per_node: Input should be greater"),
        ("label: b\nminimum_job_poll_interval: -5", "", "limits.ask_least: Input should be"),
        ("label: b", "port: -5", "port: Input should be greater than 0"),
        ("label: b", "timeout: -5", "connect_within: Input should be greater than 0"),
        ("label: b", "port: .nan", "port.float: Input should be a finite number"),
        ("label: b", "host: -oProxyCommand=touch /tmp/owned", "is not of the form"),
        ("label: b", "host: h:99999", "no port between 1 and 65535"),
        ("label: b", "proxy_jump: ada@-oProxyCommand=true", "is not of the form"),
        ("label: b", "username: -oProxyCommand=true", "user: String should match"),
    ],
)
def test_what_import_cannot_add_is_said_with_its_reason(
    here: Path, tmp_path: Path, setup: str, way: str, why: str
) -> None:
    files = [tmp_path / "setup.yaml"]
    files[0].write_text(
        f"{setup}\nhostname: h\ntransport: core.ssh\nscheduler: slurm\nwork_dir: /x"
    )
    if way:
        files.append(tmp_path / "way.yaml")
        files[1].write_text(way)
    (found,) = as_json("machines", "import", *files)
    assert why in found["refused"]
    called = found["name"] or "(no name)"
    assert f"{called}: it cannot be added so: {found['refused']}" in vestec(
        "machines", "import", *files
    )
    assert why in complaint("machines", "import", *files, "--add")
    assert '"b"' not in vestec("machines", "list", "--json")
