"""A new workflow: a package whose own test passes."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.interfaces.cli.vestec import complaint, vestec


def _tested(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
    )


def test_the_new_workflow_passes_its_own_test_and_not_when_it_is_broken(tmp_path: Path) -> None:
    said = vestec("new", "workflow", "snow-slide", "--into", tmp_path)
    folder = tmp_path / "snow-slide"
    steps = [line for line in said.splitlines() if not line.startswith(str(tmp_path))]
    python = sys.executable
    assert steps == [
        f"Next: cd {folder}",
        f"{python} -m pip install -e '.[test]'",
        f"{python} -m pytest",
    ]
    declared = tomllib.loads((folder / "pyproject.toml").read_text())
    assert "pytest" in declared["project"]["optional-dependencies"]["test"]
    assert 'snow-slide = "snow_slide:workflow"' in (folder / "pyproject.toml").read_text()
    whole = _tested(folder)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "3 passed" in whole.stdout
    code = folder / "snow_slide/workflow.py"
    code.write_text(code.read_text().replace("value > incident", "value < incident"))
    assert "3 failed" in _tested(folder).stdout


WRONG = """

@workflow.stage()
async def wrong(incident: Incident[Parameters, Known]) -> None:
    incident.send(warn, "a text")
"""


def test_a_wrong_message_is_a_mypy_error_in_the_author_s_own_folder(tmp_path: Path) -> None:
    vestec("new", "workflow", "slide", "--into", tmp_path)
    assert _types(tmp_path / "slide") == []
    with (tmp_path / "slide/slide/workflow.py").open("a") as file:
        file.write(WRONG)
    (error,) = _types(tmp_path / "slide")
    assert error.startswith("slide/workflow.py:")
    assert 'of "send" of "Incident"' in error


def _types(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return [line for line in done.stdout.splitlines() if ": error:" in line]


@pytest.mark.parametrize("name", ["wildfire", "simple"])
def test_a_workflow_that_is_installed(tmp_path: Path, name: str) -> None:
    said = complaint("new", "workflow", name, "--into", tmp_path)
    assert f"A workflow called {name} is installed already" in said
    assert not [*tmp_path.iterdir()]


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    vestec("new", "workflow", "slide", "--into", tmp_path)
    assert "exists already" in complaint("new", "workflow", "slide", "--into", tmp_path)


@pytest.mark.parametrize("name", ["json", "workflows", "class"])
def test_a_name_that_is_taken(tmp_path: Path, name: str) -> None:
    assert "already" in complaint("new", "workflow", name, "--into", tmp_path)


@pytest.mark.parametrize("name", ["Snow", "snow_slide", "../x", "1st", "a--b"])
def test_a_name_that_would_not_do(tmp_path: Path, name: str) -> None:
    said = complaint("new", "workflow", name, "--into", tmp_path, code=2)
    assert "small letters" in said
    assert not [*tmp_path.iterdir()]
