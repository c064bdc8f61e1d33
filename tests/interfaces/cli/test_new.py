"""A new workflow: a package whose own test passes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interfaces.cli.vestec import complaint, vestec


def test_the_new_workflow_passes_its_own_test(tmp_path: Path) -> None:
    said = vestec("new", "workflow", "snow-slide", "--into", tmp_path)
    folder = tmp_path / "snow-slide"
    assert f"cd {folder}" in said
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "3 passed" in ended.stdout
    assert 'snow-slide = "snow_slide:workflow"' in (folder / "pyproject.toml").read_text()


def test_its_test_fails_when_the_workflow_does_not_work(tmp_path: Path) -> None:
    vestec("new", "workflow", "slide", "--into", tmp_path)
    code = tmp_path / "slide/slide/workflow.py"
    code.write_text(code.read_text().replace("value > incident", "value < incident"))
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "slide",
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 1


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
