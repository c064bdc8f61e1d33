"""Starts processes, kills them, and counts what they left: every rig in a folder of its own."""

import importlib
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from deploy.parts import Part
from events.jobs import JobState
from managers.runtime import crashpoints
from tests.chaos import player
from tests.chaos.player import Told
from tests.patience import PATIENCE
from tests.room import short_folder

LEASE = 1.5
"""Seconds after which a killed process is replaced; as short as a loaded machine allows."""
ENVIRONMENT = {
    "VESTEC_WORKFLOWS": "tests.chaos.drill:drill",
    "VESTEC_LEASE": str(LEASE),
}


F = TypeVar("F", bound="Forked")

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.chaos.player", "tests.chaos.drill"])


class Forked:
    """A process with a session of its own, forked from one that has imported all that it needs."""

    def __init__(
        self, home: Path, name: str, environment: Mapping[str, str], work: Callable[[], None]
    ) -> None:
        self._said = home / f"{name}.log"
        arguments = (home, self._said, dict(environment), work)
        self.process = _FORKS.Process(target=_run, args=arguments)
        self.process.start()

    @property
    def pid(self) -> int:
        assert self.process.pid
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ends(self, within: float) -> bool:
        self.process.join(within)
        return self.process.exitcode is not None

    def stopped(self) -> bool:
        """Whether it is held by SIGSTOP."""
        assert self.process.exitcode is None, self.said()
        return _state(self.pid) == "T"

    def ended_by(self, number: int) -> bool:
        return self.ends(PATIENCE) and self.process.exitcode == -number

    def said(self) -> str:
        return self._said.read_text()[-6000:]


class Playing(Forked):
    """Plays the drill."""

    def __init__(
        self, home: Path, name: str, environment: Mapping[str, str], play: Callable[[], Told]
    ) -> None:
        self._answer = home / f"{name}.told"
        super().__init__(home, name, environment, partial(_play, play, self._answer))

    def told(self) -> Told:
        """What it says when it has played to the end."""
        assert self.ends(PATIENCE), f"it plays on and on: {self.said()}"
        assert self.process.exitcode == 0, self.said()
        return Told.model_validate_json(self._answer.read_bytes())


def _run(home: Path, said: Path, environment: Mapping[str, str], work: Callable[[], None]) -> None:
    os.setsid()
    os.chdir(home)
    os.environ.update(environment)
    os.dup2(os.open(said, os.O_CREAT | os.O_APPEND | os.O_WRONLY), sys.stderr.fileno())
    importlib.reload(crashpoints)
    work()


def _play(play: Callable[[], Told], answer: Path) -> None:
    answer.write_text(play().model_dump_json())


class Rig:
    """A folder in which the drill is played, and every process that is at work there."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home, self.witness = home, home / "witness"
        self.hold = player.hold_of(self.witness)
        self.pids: list[int] = []
        """Of all that were started here."""
        blobs = home / "blobs"
        self._environment = {**ENVIRONMENT, "VESTEC_BLOBS": f"file://{blobs}", **environment}
        for folder in (self.witness, blobs):
            folder.mkdir()

    def start(self, data: str = "data", **environment: str) -> Playing:
        """The command that plays the drill, from wherever it was left."""
        play = partial(player.play, self.home / data, self.witness)
        return self._known(Playing(self.home, data, {**self._environment, **environment}, play))

    def start_elsewhere(self, url: str) -> Playing:
        """The command that plays it on parts that run already; pushes go to `url`."""
        play = partial(player.play_elsewhere, self.home / "player", self.witness, url)
        return self._known(Playing(self.home, "player", self._environment, play))

    def serve_parts(self, name: str, parts: frozenset[Part], port: int = 0) -> Forked:
        """Some parts of a system in a process that serves until it is killed."""
        work = partial(player.serve_parts, parts, self.home / name, port)
        return self._known(Forked(self.home, name, self._environment, work))

    def serve(self, **environment: str) -> Forked:
        """A system that serves until it is killed."""
        work = partial(player.serve, self.home / "data")
        return self._known(Forked(self.home, "data", {**self._environment, **environment}, work))

    def _known(self, started: F) -> F:
        self.pids.append(started.pid)
        return started

    def starts(self) -> Counter[str]:
        """How often the program of each token started."""
        files = {file.name: file.read_text() for file in self.witness.iterdir()}
        return Counter({token: text.count("started\n") for token, text in files.items()})

    def processes(self) -> list[int]:
        """Everything that works in this folder: ours, the database's, jobs."""
        return [int(p.name) for p in Path("/proc").glob("[0-9]*") if _is_below(self.home, p)]

    def kill_everything(self, *, jobs: bool = True) -> None:
        """As when the machine loses power: nothing sees anything else die."""
        stopped = set[int]()  # a shell that begins goes to another folder, and may stop there
        for number in (signal.SIGSTOP, signal.SIGKILL):
            while pids := [
                pid
                for pid in stopped.union(self.processes())
                if _lives(pid, number) and (jobs or pid in stopped or not _is_job(pid))
            ]:
                stopped.update(pids)
                for pid in pids:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)


def _lives(pid: int, number: int) -> bool:
    """Whether a signal has still to reach a process."""
    return _state(pid) not in ("ZXT" if number == signal.SIGSTOP else "ZX")


def _state(pid: int) -> str:
    """As the kernel puts it: `T` is stopped, `Z` ended, `X` gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def _is_job(pid: int) -> bool:
    """Whether a process stands in the folder of a job."""
    try:
        return "jobs" in Path(f"/proc/{pid}/cwd").readlink().parts
    except OSError:
        return False


def _is_below(home: Path, process: Path) -> bool:
    """Whether a process stands in a folder."""
    try:
        return (process / "cwd").readlink().is_relative_to(home)
    except OSError:
        return False


IN_A_ROW = 4
"""Kills of one incident: a stage whose process ended five times without progress is blamed."""


def play_under_fire(rig: Rig, moments: Iterator[float], kill: Callable[[Playing], None]) -> Told:
    """Play, killed after so many seconds each time, until it has ended or was killed enough."""
    for seconds in itertools.islice(moments, IN_A_ROW):
        playing = rig.start()
        if playing.ends(seconds):
            return playing.told()
        kill(playing)
        playing.ends(PATIENCE)
    return rig.start().told()


def require_as_if_nothing_had_happened(rig: Rig, told: Told, undisturbed: Told) -> None:
    """The same ending; each completed job's program started once, a lost one's at most once."""
    assert told.status == undisturbed.status
    assert told.data_sets == undisturbed.data_sets
    assert told.cleaned_up == undisturbed.cleaned_up == 1
    states, starts = told.simulations, rig.starts()
    assert Counter(states.values()) - Counter([JobState.LOST] * len(states)) <= Counter(
        undisturbed.simulations.values()
    )
    done = {token for token, state in states.items() if state is JobState.COMPLETED}
    assert len(done) == player.NUMBERS
    assert starts == dict.fromkeys(starts, 1)
    assert done <= starts.keys() <= states.keys()
    eventually("nothing runs any more", lambda: not rig.processes())


def jobs_started(rig: Rig, least: int) -> Callable[[], bool]:
    """Whether so many jobs have started."""
    return lambda: len(rig.starts()) >= least


@contextmanager
def rigged(environment: Mapping[str, str] | None = None) -> Iterator[Rig]:
    """A rig in a folder with a short name; nothing of it outlives the context."""
    with short_folder() as home:
        rig = Rig(home, environment or {})
        try:
            yield rig
        except BaseException:
            for file in sorted(rig.home.glob("*.log")):
                print(f"--- {file.name}\n{file.read_text()[-3000:]}")
            raise
        finally:
            rig.kill_everything()


def eventually(what: str, condition: Callable[[], bool]) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"after {PATIENCE:g} s still not so: {what}"
        time.sleep(0.02)
