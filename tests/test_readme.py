"""The README shows code that runs, and names commands and files that are there."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_workflow_and_its_test_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow, rehearsal = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "flood.py").write_text(workflow)
    monkeypatch.syspath_prepend(tmp_path)
    shown: dict[str, Any] = {}
    exec(rehearsal, shown)
    shown["test_a_reading_leads_to_a_map"]()


@pytest.mark.parametrize(
    "command", sorted({*re.findall(r"\bvestec\s([a-z]+(?: [a-z]+)?)", README)})
)
def test_a_command_that_is_named_is_there(command: str) -> None:
    name, _, own = command.partition(" ")
    there = get_command(import_module(f"interfaces.cli.{name}").app)
    assert not own or own in getattr(there, "commands", {own: None})


@pytest.mark.parametrize("place", re.findall(r"\]\(((?!https?:)[^)]+)\)", README))
def test_what_is_linked_is_there(place: str) -> None:
    file, _, heading = place.partition("#")
    assert (ROOT / file).exists()
    headings = re.findall("^#+ (.*)$", (ROOT / file).read_text(), re.MULTILINE) if heading else []
    assert heading in ["", *(one.lower().replace(" ", "-") for one in headings)]
