"""The command as people use it: in this process where it ends at once, as a process where not."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from typer.testing import CliRunner, Result

from interfaces.cli.main import app
from tests.patience import PATIENCE

COMMAND = str(Path(sys.executable).with_name("vestec"))
T = TypeVar("T")


def invoke(*arguments: object, stdin: bytes | str | None = None) -> Result:
    """What a command prints, and its exit code."""
    given = [str(each) for each in arguments]
    return CliRunner().invoke(app, given, input=stdin, prog_name="vestec")


def vestec(*arguments: object, stdin: bytes | str | None = None) -> str:
    """What a command that works prints on stdout."""
    result = invoke(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def complaint(*arguments: object, stdin: bytes | str | None = None, code: int = 1) -> str:
    """The one line on stderr of a command that does not."""
    result = invoke(*arguments, stdin=stdin)
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    return line


def as_json(*arguments: object, stdin: bytes | str | None = None) -> Any:
    """The JSON that a command prints."""
    return json.loads(vestec(*arguments, "--json", stdin=stdin))


def lines(*arguments: object) -> list[Any]:
    """The JSON objects that a command prints, one a line."""
    return [json.loads(line) for line in vestec(*arguments, "--json").splitlines()]


def eventually(found: Callable[[], T]) -> T:
    """What is found as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while not (it := found()):
        assert time.monotonic() < deadline, f"still {it!r} after {PATIENCE:g} s"
        time.sleep(0.02)
    return it


class Up:
    """A running `vestec up`."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process, self.folder = process, folder
        assert process.stdout
        self.said = process.stdout.readline()

    @property
    def announced(self) -> Any:
        return json.loads(self.said)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def up(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Up]:
    """`vestec up` in a folder, on any free port, until the context ends."""
    with (
        (folder.parent / f"{folder.name}.log").open("w") as logs,
        subprocess.Popen(
            [COMMAND, "up", "--data", str(folder), "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=logs,
            text=True,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        try:
            yield Up(process, folder)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)
