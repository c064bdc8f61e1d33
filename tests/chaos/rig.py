"""Starts processes, kills them, and counts what they left: every rig in a folder of its own."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from events.jobs import JobState
from tests.chaos.player import Told

ROOT = Path(__file__).parents[2]
LEASE = 1.5
"""Seconds after which a killed process is replaced; as short as a loaded machine allows."""
ENVIRONMENT = {
    "VESTEC_WORKFLOWS": "tests.chaos.drill:drill",
    "VESTEC_LEASE": str(LEASE),
    "PYTHONPATH": str(ROOT),
}
WITHIN = 90.0
"""Seconds that one process may take."""


class Rig:
    """A folder in which the drill is played, and every process that is at work there."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home, self.data, self.witness = home, home / "data", home / "witness"
        self._environment = {**os.environ, **ENVIRONMENT, **environment}
        self.witness.mkdir(exist_ok=True)

    def start(self, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """The command that plays the drill, from wherever it was left."""
        command = ("-m", "tests.chaos.player", str(self.data), str(self.witness))
        return self.run(*command, environment=environment)

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Any Python, in a process group of its own."""
        with (self.home / "said").open("a") as said:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**self._environment, **(environment or {})},
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                start_new_session=True,
            )

    def play(self, environment: Mapping[str, str] | None = None) -> Told:
        """Play to the end."""
        return self.told(self.start(environment))

    def told(self, process: "subprocess.Popen[str]") -> Told:
        """What a process says that played to the end."""
        told, _ = process.communicate(timeout=WITHIN)
        assert process.returncode == 0, self.said()
        return Told.model_validate_json(told)

    def crash(self, point: str) -> None:
        """Play until the process kills itself at a named moment."""
        with self.start({"VESTEC_CRASH_AT": point}) as process:
            process.communicate(timeout=WITHIN)
        assert process.returncode == -signal.SIGKILL, f"never came to {point}: {self.said()}"

    def said(self) -> str:
        return (self.home / "said").read_text()[-4000:]

    def starts(self) -> Counter[str]:
        """How often the program of each token started."""
        files = {file.name: file.read_text() for file in self.witness.iterdir()}
        return Counter({token: text.count("started\n") for token, text in files.items()})

    def processes(self) -> list[int]:
        """Everything that works in this folder: ours, the database's, jobs."""
        return [int(p.name) for p in Path("/proc").glob("[0-9]*") if _is_below(self.home, p)]

    def kill_everything(self) -> None:
        """As when the machine loses power: nothing sees anything else die."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            while pids := [pid for pid in self.processes() if _lives(pid, number)]:
                for pid in pids:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)


def _lives(pid: int, number: int) -> bool:
    """Whether a signal has still to reach a process."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("ZT" if number == signal.SIGSTOP else "Z")


def _is_below(home: Path, process: Path) -> bool:
    """Whether a process stands in a folder, or was told of it."""
    try:
        arguments = (process / "cmdline").read_bytes()
        return str(home).encode() in arguments or (process / "cwd").readlink().is_relative_to(home)
    except OSError:
        return False


def require_as_if_nothing_had_happened(rig: Rig, told: Told, undisturbed: Told) -> None:
    """The same ending; every program started once, or never if its job was lost; all is quiet."""
    assert told.status == undisturbed.status
    assert told.data_sets == undisturbed.data_sets
    assert told.cleaned_up == undisturbed.cleaned_up == 1
    states, starts = told.simulations, rig.starts()
    done = {token for token, state in states.items() if state is JobState.COMPLETED}
    assert len(done) == len(undisturbed.simulations)
    assert {states[token] for token in states.keys() - done} <= {JobState.LOST}
    assert starts == {token: 1 for token in starts}
    assert done <= starts.keys() <= states.keys()
    eventually("nothing runs any more", lambda: not rig.processes())


@contextmanager
def rigged(environment: Mapping[str, str] | None = None) -> Iterator[Rig]:
    """A rig in a folder with a short name; nothing of it outlives the context."""
    with TemporaryDirectory(prefix="v", dir="/tmp") as home:
        rig = Rig(Path(home), environment or {})
        try:
            yield rig
        finally:
            rig.kill_everything()


def eventually(what: str, condition: Callable[[], bool], within: float = 20.0) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"after {within:g} s still not so: {what}"
        time.sleep(0.02)
