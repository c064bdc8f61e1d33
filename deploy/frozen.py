"""A process in which nothing moves any more is ended, so that another one can go on.

Stages and steps run in threads, and code that never lets go of Python's lock (a library's, or a
regular expression that takes for ever) stops all others: no lease is renewed, nobody is answered,
no Ctrl-C is heard. Only the kernel still acts: by a timer on the CPU time that the process spends,
which the event loop winds up again and again. A process that waits or is stopped spends none.
"""

import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

_CORES = os.cpu_count() or 1
_LEAST = 2.0 * _CORES
"""CPU seconds: threads that do let go of the lock may keep all cores busy meanwhile."""


@asynccontextmanager
async def ended_when_frozen(limit: float) -> AsyncIterator[None]:
    """End the process once it has spent `limit` seconds of CPU time without a turn of this loop.

    SIGPROF ends it; what its threads were at is told on standard error.
    """
    faulthandler.register(signal.SIGPROF, sys.__stderr__ or 2, chain=True)
    limit = max(limit, _LEAST)
    signal.setitimer(signal.ITIMER_PROF, limit)
    winding = asyncio.create_task(_wind_up(limit))
    try:
        yield
    finally:
        winding.cancel()
        signal.setitimer(signal.ITIMER_PROF, 0)


async def _wind_up(limit: float) -> NoReturn:
    while True:
        await asyncio.sleep(limit / _CORES / 8)
        signal.setitimer(signal.ITIMER_PROF, limit)
