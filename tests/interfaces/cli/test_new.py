"""A new workflow: a package whose own test passes."""

import os
import subprocess
import sys
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
    assert f"cd {folder}" in said
    assert 'snow-slide = "snow_slide:workflow"' in (folder / "pyproject.toml").read_text()
    whole = _tested(folder)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "3 passed" in whole.stdout
    code = folder / "snow_slide/workflow.py"
    code.write_text(code.read_text().replace("value > incident", "value < incident"))
    assert "3 failed" in _tested(folder).stdout


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
