"""What runs in a namespace of a test's ends with it, and with a test that was killed."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.namespace import ServerMissing, namespace
from tests.patience import PATIENCE
from tests.without import must_have

SERVER = 'touch "$1"; setsid -f tail -f "$1"; echo >>"$1"; exec tail -f "$1"'
"""It starts a process that nobody would find again, and says so."""
OWNER = """
import signal, sys
from pathlib import Path
from tests.namespace import namespace
with namespace("somewhere") as inside:
    one, other = (
        inside.daemon(Path(file + ".log"), "sh", "-c", sys.argv[1], "sh", file)
        for file in sys.argv[2:]
    )
    sys.stdin.readline()
    one.freeze()
    print("frozen", flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def namespaces() -> None:
    """What these tests are about."""
    with must_have("namespaces", ServerMissing), namespace("somewhere"):
        pass


def test_all_ends_with_the_context(tmp_path: Path) -> None:
    server = tmp_path / "server"
    with namespace("somewhere") as inside:
        daemon = inside.daemon(tmp_path / "log", "sh", "-c", SERVER, "sh", str(server))
        until(lambda: len(shown_by(server)) == len(("nsenter", "tail", "tail")))
    assert not shown_by(server)
    assert daemon.ended


def test_what_a_test_was_started_with_stays_outside(tmp_path: Path) -> None:
    with namespace("somewhere") as inside:
        inside.daemon(tmp_path / "log", "env", WITH="this").wait()
    said = (tmp_path / "log").read_text().splitlines()
    assert [line.partition("=")[0] for line in said] == ["PATH", "WITH"]


def test_nothing_outlives_a_test_that_was_killed(tmp_path: Path) -> None:
    servers = [tmp_path / "one", tmp_path / "other"]
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", OWNER, SERVER, *map(str, servers)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as owner:
        assert owner.stdin
        assert owner.stdout
        until(lambda: all(len(shown_by(server)) == 4 for server in servers))
        owner.stdin.write(b"\n")
        owner.stdin.flush()
        assert owner.stdout.readline() == b"frozen\n"
        owner.kill()
    until(lambda: not any(shown_by(server) for server in servers))


def test_a_server_is_frozen_thawed_and_killed_in_any_order(tmp_path: Path) -> None:
    ticks = tmp_path / "ticks"
    with namespace("somewhere") as inside:
        tick = 'while :; do echo >>"$1"; sleep 0.01; done'
        daemon = inside.daemon(tmp_path / "log", "sh", "-c", tick, "sh", str(ticks))
        until(ticks.exists)
        for _ in range(20):
            daemon.freeze()
            ticks.unlink()
            daemon.thaw()
            until(ticks.exists)
        daemon.freeze()
        daemon.kill()
        assert daemon.ended
        ticks.unlink()
        daemon.start()
        until(ticks.exists)
        daemon.freeze()


def shown_by(file: Path) -> list[str]:
    """The processes that have a file among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(file).encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(process.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
