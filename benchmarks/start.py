"""Starting: seconds until a whole system is ready, and the memory that it holds then."""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.result import Result

ROUNDS = 5
_READY = """
import asyncio, os, sys, time
from pathlib import Path
from deploy.settings import Settings
from deploy.system import running_system

async def main():
    async with running_system(Settings(data=Path(sys.argv[1]), port=0)):
        print(time.time(), flush=True)
        sys.stdin.readline()

import uvloop
uvloop.run(main())
"""


async def run(engine: str) -> Result:
    """Seconds from the start of the process until it serves, with the database stopped before.

    Memory is the proportional set size (shared pages counted once) of the process and of the
    database that it started.
    """
    with TemporaryDirectory(prefix="vestec-") as folder:
        first, _ = _start(Path(folder, "data"))
        starts = [_start(Path(folder, "data")) for _ in range(ROUNDS)]
    seconds = median(took for took, _ in starts)
    memory = median(mib for _, mib in starts)
    details = {"first_start_s": round(first, 2), "memory_mib": round(memory)}
    return Result(seconds, "s", details=details)


def _start(data: Path) -> tuple[float, float]:
    began = time.time()
    process = subprocess.Popen(
        [sys.executable, "-c", _READY, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdin
        assert process.stdout
        ready = float(process.stdout.readline())
        mib = _memory(process.pid, data)
        process.stdin.close()
    return ready - began, mib


def _memory(pid: int, data: Path) -> float:
    """MiB held by a process and by the database in its folder."""
    postgres = (data / "postgresql" / "data").resolve()
    parts = [other for other in _processes() if other == pid or _works_in(other, postgres)]
    return sum(map(_proportional_kib, parts)) / 1024


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve() == folder
    except OSError:
        return False


def _proportional_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
