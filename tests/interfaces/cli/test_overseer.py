"""What stands above a process that serves: starts the next one, or ends one that does not end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.rig import eventually

SERVES = """
import asyncio, os, re, sys, threading
from deploy.frozen import ended_when_frozen
from interfaces.cli import overseer
from interfaces.cli.ending import serve
from interfaces.cli.errors import Complaint

overseer._END_WITHIN = 2
{before}

async def work():
    async with ended_when_frozen(0.1):
        print("serves", os.getpid(), flush=True)
        {then}
        await asyncio.Event().wait()

overseer.overseen(lambda: serve(work()))
"""
FREEZE = 'threading.Thread(target=lambda: re.match(r"(a+)+$", "a" * 60 + "b"), daemon=True).start()'

ONCE = """
def once(what):
    if not os.path.exists(mark):
        open(mark, "w").close()
        what()
"""


@contextmanager
def serving(then: str = "pass", before: str = "") -> Iterator["subprocess.Popen[str]"]:
    """A process that has begun to serve, and its overseer."""
    program = [sys.executable, "-c", SERVES.format(then=then, before=before)]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdout=pipe, stderr=pipe, text=True) as overseer:
        try:
            yield overseer
        finally:
            overseer.kill()


def pid_of(overseer: "subprocess.Popen[str]") -> int:
    """Of the process that says that it serves now."""
    assert overseer.stdout
    return int(overseer.stdout.readline().split()[1])


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_frozen_process_is_followed_by_another_one(tmp_path: Path) -> None:
    only_once = f"mark = {str(tmp_path / 'mark')!r}\n" + ONCE
    with serving(f"once(lambda: {FREEZE})", only_once) as overseer:
        first, second = pid_of(overseer), pid_of(overseer)
        assert first != second
        overseer.send_signal(signal.SIGTERM)
        _, said = overseer.communicate(timeout=30)
        assert overseer.returncode == 0
    assert "The next one goes on from the log" in said
    assert "match" in said


def test_a_frozen_process_that_is_asked_to_end_is_killed() -> None:
    with serving(FREEZE, "import deploy.frozen; deploy.frozen._LEAST = 1e6") as overseer:
        pid = pid_of(overseer)
        overseer.send_signal(signal.SIGINT)
        _, said = overseer.communicate(timeout=30)
        assert (overseer.returncode, lives(pid)) == (-signal.SIGKILL, False)
    assert "ended by SIGKILL; nothing is lost" in said


def test_a_process_ends_with_its_overseer() -> None:
    with serving() as overseer:
        pid = pid_of(overseer)
        overseer.kill()
        eventually("it is gone", lambda: not lives(pid))


def test_it_ends_as_the_process_did() -> None:
    with serving() as overseer:
        os.kill(pid_of(overseer), signal.SIGKILL)
        _, said = overseer.communicate(timeout=30)
        assert overseer.returncode == -signal.SIGKILL
    assert "ended by SIGKILL" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_asks_for_the_end_asks_the_overseer(number: signal.Signals) -> None:
    with serving() as overseer:
        pid = pid_of(overseer)
        overseer.send_signal(number)
        assert overseer.wait(30) == 0
        assert not lives(pid)


def test_an_error_is_told_once() -> None:
    with serving('raise Complaint("the folder is gone")') as overseer:
        _, said = overseer.communicate(timeout=30)
        assert overseer.returncode == 1
    assert said == "the folder is gone\n"
