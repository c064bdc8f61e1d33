"""The commands of a simulated cluster's batch system: the port, and what they share."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from interfaces.machines.options import Grammar, Option
from interfaces.machines.rehearsal.site import Site


@dataclass(frozen=True)
class Call:
    """One call of a command."""

    words: Sequence[str]
    """Its name and its arguments."""
    folder: Path
    """Where it was called."""


@dataclass(frozen=True)
class Said:
    """What a command writes, and its exit status."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0
    after: float = 0.0
    """Seconds until it says so."""


class Mouth(Protocol):
    """Speaks for the model; reads no clock and no file."""

    @property
    def tools(self) -> Sequence[str]:
        """The names of its commands."""
        ...

    @property
    def job_variable(self) -> str:
        """The name by which a job knows its id."""
        ...

    def answer(self, call: Call, site: Site) -> Said:
        """What a command does to the model, and what it says."""
        ...


def options(grammar: Grammar, words: Sequence[str]) -> dict[str, str]:
    """The options of a command line by what they are about, each with its value, if it has one."""
    return {option.subject: _value(option) for option in grammar.read([shlex.join(words)])}


def filled(form: str, values: Mapping[str, object]) -> str:
    """A line of a format, such as `%t:%D`, with values in place of what stands for them."""
    for name, value in values.items():
        form = form.replace(name, str(value))
    return form


def lines(rows: Iterable[str]) -> str:
    """One row a line."""
    return "".join(f"{row}\n" for row in rows)


def _value(option: Option) -> str:
    """`-l walltime=60` is about `-l walltime`."""
    last = option.words[-1]
    return last.partition("=")[2] if len(option.words) == 1 or " " in option.subject else last
