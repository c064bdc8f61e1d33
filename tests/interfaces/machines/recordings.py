"""What real batch systems answered: see the README in `recorded`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from interfaces.machines.connection import Completed

FOLDER = Path(__file__).with_name("recorded")


@dataclass(frozen=True)
class Recorded:
    """One command, and what a batch system answered."""

    command: str
    completed: Completed


def recorded(system: str, name: str) -> Recorded:
    """One of its files, as it is."""
    file = json.loads((FOLDER / system / f"{name}.json").read_text())
    completed = Completed(file["exit_status"], file["stdout"], file["stderr"])
    return Recorded(file["command"], completed)


def names(system: str) -> set[str]:
    """All that was recorded of a batch system."""
    return {file.stem for file in (FOLDER / system).glob("*.json")}


def fields(answer: Recorded) -> Iterator[dict[str, str]]:
    """The rows of an answer by what was asked for: `%i` … or the names of columns."""
    match = re.search(r"-o '?([%\w|,]+)'?", answer.command)
    assert match
    asked = re.split(r"[|,]", match[1])
    for line in answer.completed.stdout.splitlines():
        yield dict(zip(asked, line.split("|"), strict=True))
