"""Commands on a machine: how many a second go over one connection to an SSH server on loopback."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.result import Result, percentiles_ms
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from tests.sshd import Sshd

SECONDS = 10.0


async def run(engine: str) -> Result:
    """Commands a second with all sessions busy; latency of one command after the other."""
    with TemporaryDirectory(prefix="vestec-") as folder, Sshd(Path(folder)) as server:
        access = SshAccess.model_validate(server.access())
        async with SshConnection(access) as connection:
            await connection.run("true", deadline=10)
            alone = await _seconds(connection, SECONDS / 2)
            begin, used = time.perf_counter(), time.process_time()
            busy = await asyncio.gather(
                *(_seconds(connection, SECONDS) for _ in range(access.sessions))
            )
            took, used = time.perf_counter() - begin, time.process_time() - used
            starts = connection.shell_startup or 0.0
    p50, p99 = percentiles_ms(alone)
    commands = sum(map(len, busy))
    details = {
        "sessions": float(access.sessions),
        "one_by_one_per_s": round(len(alone) / (SECONDS / 2), 1),
        "shell_starts_ms": round(starts * 1000, 2),
        "our_cpu_ms_per_command": round(used / commands * 1000, 2),
    }
    return Result(commands / took, "commands/s", p50, p99, details)


async def _seconds(connection: SshConnection, seconds: float) -> list[float]:
    """How long each command took, one after the other."""
    taken, end = [], time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        (await connection.run("true", deadline=10)).checked()
        taken.append(time.perf_counter() - begin)
    return taken
