"""A thousand jobs on a real Slurm: what following them takes of a core, how soon ends are known.

With the manners that are usual: wrappers' words are listed every 2 s, the scheduler is asked every
60 s, once for all jobs.
"""

import asyncio
import time

from benchmarks.jobs import HELD, Jobs, jobs_on_slurm
from benchmarks.result import Result, percentiles_ms
from events.jobs import JobState, Token
from events.operations import JobReported
from events.values import Context
from interfaces.machines.budget import Kind
from interfaces.machines.work.machine import Manners

JOBS, ENDING = 1000, 40
PERIODS = 2
_WITHIN = 120.0


async def run(engine: str) -> Result:
    """Percent of a core over two periods; latency: from a program's end until the log has it."""
    async with jobs_on_slurm(engine) as jobs:
        await jobs.submit(await jobs.create(JOBS, "true", options=HELD))
        spent = jobs.hands.spent()["m"].commands
        before, used = spent.copy(), time.process_time()
        window = PERIODS * Manners().ask
        await asyncio.sleep(window)
        used, asked = time.process_time() - used, spent - before
        p50, p99 = percentiles_ms(delays := await _delays(jobs))
    details = {
        "jobs": JOBS,
        "seconds": window,
        "questions": asked[Kind.POLL],
        "looks": asked[Kind.LOOK],
        "worst_end_s": round(max(delays), 2),
    }
    return Result(round(100 * used / window, 2), "% of a core", p50, p99, details)


async def _delays(jobs: Jobs) -> list[float]:
    """Seconds from the end of programs, by their own word, until we know of it."""
    made = await jobs.create(ENDING, "sleep 1; date +%s.%N >end")
    for simulation in made:
        await jobs.site.submit_created(simulation)
    delays = list[float]()
    async with asyncio.timeout(_WITHIN):
        while len(delays) < ENDING:
            for event in await jobs.news(Context.OPERATIONS):
                if isinstance(event, JobReported) and event.report.state is JobState.COMPLETED:
                    delays.append(time.time() - _ended(jobs, event.report.token))
    return delays


def _ended(jobs: Jobs, token: Token) -> float:
    return float((jobs.slurm.login.folder / "base" / "jobs" / token / "end").read_text())
