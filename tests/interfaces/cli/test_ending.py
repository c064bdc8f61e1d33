"""How a process that serves ends though something in it does not."""

import signal
import subprocess
import sys

import pytest

STUBBORN = """
import asyncio, sys, threading, time
from interfaces.cli import ending

ending._PATIENT = 0.5

async def work():
    print("ready", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        {finally_}

ending.serve(work())
"""


@pytest.mark.parametrize(
    "finally_",
    [
        "time.sleep(60)",
        "await asyncio.to_thread(time.sleep, 60)",
        "await asyncio.Event().wait()",
    ],
    ids=["our loop", "a thread", "a wait"],
)
def test_one_signal_ends_it_whatever_hangs(finally_: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN.format(finally_=finally_)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "did not end in order within 0.5 s; nothing is lost" in said
