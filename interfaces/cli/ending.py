"""How a process that serves ends: in order when it is asked to, and then for certain."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import uvloop

from interfaces.cli.errors import complain

_IMPATIENT = 1.0
"""Seconds after which a second signal means it; `timeout` and shells send one twice at once."""


def serve(work: Coroutine[Any, Any, None]) -> NoReturn:
    """Run `work` until it ends or SIGINT or SIGTERM cancels it, then end the process.

    A second signal ends the process at once, which harms nothing: the next one goes on from the
    log. In the end `os._exit` is used, because Python would first wait for all threads, and a step
    of a workflow that computes in one cannot be stopped. All that counts is durable by then.
    """
    uvloop.run(_until_asked(work))
    raise AssertionError("the process has ended")


async def _until_asked(work: Coroutine[Any, Any, None]) -> NoReturn:
    """It never returns, since the loop too would wait for its threads."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    asked: list[float] = []

    def ask() -> None:
        if asked and loop.time() - asked[0] > _IMPATIENT:
            _end(130)
        if not asked:
            asked.append(loop.time())
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    await asyncio.wait([task])
    _end(_code(task, bool(asked)))


def _code(task: "asyncio.Future[None]", asked: bool) -> int:
    """Whoever asked for the end does not care how it came about."""
    if task.cancelled():
        return 0 if asked else 1
    error = task.exception()
    return complain(error) if error else 0


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
