"""Machines by their settings."""

import os
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path

import pytest
from pydantic import JsonValue

from events.jobs import JobRequest, JobState, Token
from events.machines import MachineSettings
from interfaces.machines import registry
from interfaces.machines.budget import Kind
from interfaces.machines.connection import WrongSettings
from interfaces.machines.dialect import Submitted
from interfaces.machines.registry import connect, why_wrong
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem


def settings(base: Path, **more: object) -> MachineSettings:
    return MachineSettings.model_validate({"name": "m", "base_directory": str(base), **more})


def test_a_machine_is_its_connection_and_its_dialect(tmp_path: Path) -> None:
    assert isinstance(connect(settings(tmp_path)), ShellBatchSystem)


@pytest.mark.parametrize("how", [{"test_mode": True}, {"dialect": "simulated"}])
async def test_test_mode_runs_no_job(tmp_path: Path, how: dict[str, object]) -> None:
    system = connect(settings(tmp_path, **how))
    assert isinstance(system, SimulatedBatchSystem)
    request = JobRequest(token=Token("v1"), executable=f"touch {tmp_path}/ran", walltime=1)
    assert isinstance(await system.submit(request, 1), Submitted)
    assert "ran" not in os.listdir(tmp_path)


@pytest.mark.parametrize("kind", ["connection", "dialect"])
def test_an_unknown_name_is_an_error_that_names_the_known(tmp_path: Path, kind: str) -> None:
    with pytest.raises(WrongSettings, match=rf"no {kind} 'carrier.pigeon'; there are: "):
        connect(settings(tmp_path, **{kind: "carrier-pigeon"}))


@pytest.mark.parametrize(
    "wrong", [{"base_directory": "relative"}, {"environment": {"not a name": ""}}]
)
def test_settings_that_cannot_work_are_an_error(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(WrongSettings, match="machine m: "):
        connect(settings(tmp_path, **wrong))


def bring(
    folder: Path, monkeypatch: pytest.MonkeyPatch, points: str, package: str = "other"
) -> None:
    """Install another package that brings these entry points; its dialect is any object."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    (folder / "other_dialect.py").write_text("def make(settings):\n    return object()\n")
    monkeypatch.syspath_prepend(folder)


def test_other_packages_bring_dialects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(tmp_path, monkeypatch, "[vestec.dialects]\ncondor = other_dialect:make\n")
    assert isinstance(connect(settings(tmp_path, dialect="condor")), ShellBatchSystem)


WHOLE = """
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.simulated.fates import Seeded

class Firecrest(SimulatedBatchSystem):
    def __init__(self, settings, toll):
        super().__init__(Seeded(1))
        self.url, self.toll = settings.access["url"], toll
"""


def test_other_packages_bring_batch_systems_without_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def toll(kind: Kind) -> None: ...

    bring(tmp_path, monkeypatch, "[vestec.batch_systems]\nfirecrest = other_whole:Firecrest\n")
    (tmp_path / "other_whole.py").write_text(WHOLE)
    machine = settings(tmp_path, connection="firecrest", access={"url": "https://there"})
    system = connect(machine, toll)
    assert isinstance(system, SimulatedBatchSystem)
    assert vars(system)["url"] == "https://there"
    assert vars(system)["toll"] is toll
    unsaid = settings(tmp_path, connection="firecrest")
    assert why_wrong(unsaid) == "machine m: batch system firecrest: KeyError: 'url'"


@pytest.mark.parametrize("kind", ["connection", "dialect"])
def test_ours_come_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def without(group: str) -> EntryPoints:
        return EntryPoints(() if group == f"vestec.{kind}s" else entry_points(group=group))

    monkeypatch.setattr(registry, "entry_points", without)
    with pytest.raises(WrongSettings, match=rf"there is no {kind} '\w+'; there are: none"):
        connect(settings(tmp_path))


def test_a_dialect_that_cannot_be_loaded_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(tmp_path, monkeypatch, "[vestec.dialects]\nbroken = nowhere_at_all:make\n")
    with pytest.raises(WrongSettings, match=r"dialect broken \(nowhere_at_all:make\): .*No module"):
        connect(settings(tmp_path, dialect="broken"))


def test_a_dialect_that_cannot_be_made_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(tmp_path, monkeypatch, "[vestec.dialects]\nodd = builtins:float\n")
    with pytest.raises(WrongSettings, match=r"machine m: dialect odd: TypeError: float.. argument"):
        connect(settings(tmp_path, dialect="odd"))


def test_a_name_that_two_packages_bring_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(tmp_path, monkeypatch, "[vestec.dialects]\nprocesses = other_dialect:make\n")
    with pytest.raises(WrongSettings, match="two packages bring the dialect processes"):
        connect(settings(tmp_path))


async def test_the_machines_environment_reaches_jobs(tmp_path: Path) -> None:
    both = settings(tmp_path, environment={"SITE": "here", "MODE": "site"})
    async with connect(both) as system:
        request = JobRequest(
            token=Token("v1"),
            executable='test "$SITE $MODE" = "here job"',
            walltime=10,
            environment={"MODE": "job"},
        )
        await system.prepare(request.token, {})
        await system.submit(request, 1)
        while not (reports := await system.observe([request.token])) or not all(
            report.state.ended for report in reports
        ):
            await system.load()
    assert reports[0].state is JobState.COMPLETED


@pytest.mark.parametrize(
    ("access", "wrong"),
    [
        ({}, "host: Field required"),
        ({"host": "a", "pasword": "x"}, "pasword: .*; there are: host, port, user"),
        ({"host": "-oProxyCommand=reboot"}, "host.*is not of the form"),
        ({"host": "a", "key": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"}, "key.*path of a file"),
        ({"host": "a", "host_key": "AAAA"}, "host_key.*a public key is wanted"),
        ({"host": "a", "sessions": 0}, "sessions: .*greater than 0"),
        ({"host": "a", "port": "ssh"}, "port: .*integer"),
    ],
)
def test_wrong_access_is_an_error_that_names_machine_and_field(
    tmp_path: Path, access: dict[str, JsonValue], wrong: str
) -> None:
    with pytest.raises(WrongSettings, match=f"machine far: access: {wrong}"):
        connect(settings(tmp_path, name="far", connection="ssh", access=access))


def test_a_connection_that_has_nothing_to_know_is_told_nothing(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"machine m: access: host: .* there are: none"):
        connect(settings(tmp_path, access={"host": "a"}))


@pytest.mark.parametrize("dialect", ["slurm", "sge", "pbs", "lsf", "processes"])
def test_every_dialect_checks_what_it_is_told_about_its_site(tmp_path: Path, dialect: str) -> None:
    prologue = {"prologue": ". /opt/site/profile"}
    assert isinstance(
        connect(settings(tmp_path, dialect=dialect, batch=prologue)), ShellBatchSystem
    )
    with pytest.raises(WrongSettings, match=r"machine m: batch: .*; there are: .*prologue"):
        connect(settings(tmp_path, dialect=dialect, batch={"colour": "red"}))


def test_what_a_check_learned_counts_where_the_settings_say_nothing() -> None:
    def lag_of(**batch: float) -> float:
        settings = MachineSettings.model_validate(
            {"name": "m", "base_directory": "/m", "dialect": "slurm", "batch": batch}
        )
        system = connect(settings)
        system.learn({"lag": 4.5, "accounting": False})
        return system.lag

    assert lag_of() == 4.5
    assert lag_of(lag=7) == 7


@pytest.mark.parametrize("dialect", ["slurm", "sge", "pbs", "lsf"])
def test_no_setting_is_taken_that_a_dialect_does_not_heed(tmp_path: Path, dialect: str) -> None:
    dated = settings(tmp_path, dialect=dialect, batch={"accounts_days": 3})
    if dialect in ("slurm", "sge"):
        connect(dated)
    else:
        with pytest.raises(WrongSettings, match="machine m: batch: accounts_days: "):
            connect(dated)
