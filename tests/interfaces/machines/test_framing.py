"""How a script goes to a shell, and what is the answer in what comes back."""

import asyncio
import os
from pathlib import Path

import pytest

from interfaces.machines.connection import Completed
from interfaces.machines.connections.framing import Frame


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
async def test_a_script_cut_on_its_way_does_nothing(tmp_path: Path, fraction: float) -> None:
    text = Frame(f"touch {tmp_path}/one\ntouch {tmp_path}/two\n").encode()
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh", "-s", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    await shell.communicate(text[: int(len(text) * fraction)])
    assert os.listdir(tmp_path) == []


async def test_what_a_start_up_file_prints_is_not_the_answer() -> None:
    frame = Frame("echo answer; echo error >&2")
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", "echo welcome; echo quota >&2; exec /bin/sh -s",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert shell.stdin
    assert shell.stdout
    assert shell.stderr
    shell.stdin.write(frame.encode())
    answer = await frame.decode(shell.stdout, shell.stderr, 1000)
    await shell.wait()
    assert answer == Completed(0, "answer\n", "error\n")
