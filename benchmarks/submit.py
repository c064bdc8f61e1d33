"""Submissions to a real Slurm: through us, and by hand with `sbatch` in a loop over `ssh`.

Ours are made durable before and after, have a folder, and can be repeated without a second job.
"""

import asyncio
import time

from benchmarks.jobs import HELD, Jobs, jobs_on_slurm
from benchmarks.result import Result

OURS, BY_HAND, WARM_UP = 300, 50, 20


async def run(engine: str) -> Result:
    """From the first command to the last confirmation in the log; the jobs are held."""
    async with jobs_on_slurm(engine) as jobs:
        await jobs.submit(await jobs.create(WARM_UP, "true", options=HELD))
        simulations = await jobs.create(OURS, "true", options=HELD)
        began, used = time.perf_counter(), time.process_time()
        await jobs.submit(simulations)
        took, used = time.perf_counter() - began, time.process_time() - used
        by_hand = await _by_hand(jobs)
        spent = jobs.hands.spent()["m"].commands.total()
    details = {
        "by_hand_per_s": round(by_hand, 1),
        "commands_per_submission": round(spent / (WARM_UP + OURS), 1),
        "our_cpu_ms_per_submission": round(used / OURS * 1000, 1),
    }
    return Result(OURS / took, "submissions/s", details=details)


async def _by_hand(jobs: Jobs) -> float:
    """Submissions a second, each over a connection of its own, as a person's script does it."""
    ssh = ("ssh", "-F", str(jobs.server.openssh_config()), "cluster")
    began = time.perf_counter()
    for _ in range(BY_HAND):
        process = await asyncio.create_subprocess_exec(
            *ssh, "sbatch --parsable --hold --wrap=true", stdout=asyncio.subprocess.DEVNULL
        )
        if await process.wait():
            raise SystemExit("a submission by hand failed")
    return BY_HAND / (time.perf_counter() - began)
