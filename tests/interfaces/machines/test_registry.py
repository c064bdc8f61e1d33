"""Machines by their settings."""

import os
from pathlib import Path

import pytest

from events.jobs import JobRequest, JobState, Token
from events.machines import MachineSettings
from interfaces.machines.dialect import Submitted
from interfaces.machines.registry import WrongSettings, connect
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.simulated import SimulatedBatchSystem


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


def test_other_packages_bring_dialects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "other-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Name: other\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[vestec.dialects]\ncondor = other_dialect:make\n")
    (tmp_path / "other_dialect.py").write_text(
        "made = []\ndef make(settings):\n    made.append(settings)\n    return object()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(connect(settings(tmp_path, dialect="condor")), ShellBatchSystem)


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
