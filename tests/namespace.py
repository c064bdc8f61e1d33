"""Servers under test in Linux namespaces of their own: all end together, jobs of theirs included.

A namespace of processes ends with its first process, and that one with the thread that started it:
nothing outlives a test that was killed, wherever it went. Needs root.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from interfaces.machines.connection import Completed
from tests.commands import completed

_FIRST = """
set -e
hostname "$1"
eval "$2"
echo ready
exec env --ignore-signal=CHLD sleep infinity  # so the kernel reaps whoever is left to this one
"""

_START_WITHIN = 60.0
_LOOK_EVERY = 0.02


class ServerMissing(Exception):
    """This machine or this user cannot run a server under test."""


class ServerFailed(Exception):
    """A server under test did not come up."""


class Namespace:
    """Namespaces of processes, mounts and the host's name, and of the network if it is its own."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._daemons: list[Daemon] = []

    @property
    def entering(self) -> tuple[str, ...]:
        """What root puts before a command to run it in there."""
        return ("nsenter", f"--target={self._first}", "--pid", "--uts", "--mount", "--net")

    async def run(self, *command: str, **environment: str) -> Completed:
        """Run a command in there to its end, as root."""
        return await completed(*self.entering, *_with_only(environment), *command)

    def daemon(self, log: Path, *command: str, **environment: str) -> "Daemon":
        """Start a server in there."""
        entered = [*self.entering, *_with_only(environment), *command]
        self._daemons.append(Daemon(entered, log))
        return self._daemons[-1]

    def end(self) -> None:
        """End all that runs in there; returns when it is gone."""
        os.kill(self._first, signal.SIGKILL)
        for daemon in self._daemons:
            daemon.wait()


def require(server: str, *programs: str) -> None:
    """Raise `ServerMissing` unless root can run what `deploy/servers/install` brings."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise ServerMissing(f"no {', '.join(missing)}: deploy/servers/install {server}")
    if os.geteuid() != 0:
        raise ServerMissing("it runs jobs of other users: be root")


@contextmanager
def namespace(hostname: str, *, setup: str = ":", network: bool = False) -> Iterator[Namespace]:
    """Namespaces as long as the context lasts; the shell runs `setup` in there first.

    With a `network` of its own, what runs in there reaches nobody outside, and is not reached.
    Raises `ServerMissing`.
    """
    unshare = ("unshare", "--pid", "--uts", "--mount", *(("--net",) if network else ()))
    with subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "KILL"),
            *(*unshare, "--fork", "--kill-child", "--mount-proc"),
            *("sh", "-c", _FIRST, "sh", hostname, setup),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout
        if (said := process.stdout.readline()) != b"ready\n":
            more = process.stdout.read()
            raise ServerMissing(f"no namespaces here: {(said + more).decode().strip()}")
        inside = Namespace(_child_of(process.pid))
        try:
            yield inside
        finally:
            inside.end()


class Daemon:
    """A server in a namespace, which a test may freeze, kill and start again."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self._log = command, log
        self.start()

    def start(self) -> None:
        """Again, after it was killed."""
        with self._log.open("ab") as log:
            # It stays before the server, and stops and goes on with it.
            self._entered = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def until(
        self, condition: Callable[[], Awaitable[bool]], within: float = _START_WITHIN
    ) -> None:
        """Return when it is up, as `condition` says; raises `ServerFailed`."""
        try:
            async with asyncio.timeout(within):
                while not await condition():
                    if self.ended:
                        raise ServerFailed(f"It ended; it said: {self.last_words()}")
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            raise ServerFailed(
                f"It was not up within {within:g} s; it said: {self.last_words()}"
            ) from None

    def stop(self) -> None:
        """In order."""
        os.kill(_child_of(self._entered.pid), signal.SIGTERM)
        self.wait()

    def kill(self) -> None:
        """As when its machine loses power."""
        os.kill(_child_of(self._entered.pid), signal.SIGKILL)
        self.wait()

    def freeze(self) -> None:
        """It keeps its connections and answers nobody, until it is thawed."""
        os.kill(_child_of(self._entered.pid), signal.SIGSTOP)
        os.waitid(os.P_PID, self._entered.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        self._entered.send_signal(signal.SIGCONT)

    def wait(self) -> None:
        """Return when it has ended."""
        self.thaw()
        self._entered.wait()

    @property
    def ended(self) -> bool:
        return self._entered.poll() is not None

    def last_words(self) -> str:
        """The end of what it logged."""
        said = self._log.read_text(errors="replace") if self._log.exists() else ""
        return said.strip()[-1000:] or "nothing"


def _with_only(environment: Mapping[str, str]) -> list[str]:
    """What a test was started with reaches no server, and so no job."""
    path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    return ["env", "--ignore-environment", path, *(f"{k}={v}" for k, v in environment.items())]


def _child_of(pid: int) -> int:
    """The only child of a process."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
