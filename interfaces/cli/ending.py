"""How a process that serves ends: in order when it is asked to, and then for certain."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any, NoReturn

import uvloop

from deploy.garbage import collect_seldom
from interfaces.cli.errors import Complaint, complain

_IMPATIENT = 1.0
"""Seconds after which a second signal means it; `timeout` and shells send one twice at once."""
_PATIENT = 10.0
"""Seconds that an orderly end may take: a thread that never comes back may hold it up."""

_INTERRUPTED = 130


def serve(work: Coroutine[Any, Any, None], unfinished: str | None = None) -> NoReturn:
    """Run `work` until it ends or SIGINT or SIGTERM cancels it, then end the process.

    To be asked to end is a success; for work that has an end of its own it is none, and
    `unfinished` is said about it.

    A second signal ends the process at once, as does an orderly end that takes too long. That harms
    nothing: the next one goes on from the log. In the end `os._exit` is used, because Python would
    first wait for all threads, and a step of a workflow that computes in one cannot be stopped. All
    that counts is durable by then.
    """
    collect_seldom()
    uvloop.run(_until_asked(work, unfinished))
    raise AssertionError("the process has ended")


async def _until_asked(work: Coroutine[Any, Any, None], unfinished: str | None) -> NoReturn:
    """It never returns, since the loop too would wait for its threads."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    asked: list[float] = []

    def ask() -> None:
        if asked and loop.time() - asked[0] > _IMPATIENT:
            _end(_INTERRUPTED)
        if not asked:
            asked.append(loop.time())
            _give_up_after(_PATIENT)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    await asyncio.wait([task])
    _end(_code(task, bool(asked), unfinished))


def _give_up_after(seconds: float) -> None:
    """A thread of its own sees to it: what does not end may be our loop."""

    def give_up() -> None:
        _end(complain(Complaint(f"it did not end in order within {seconds:g} s; nothing is lost")))

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


def _code(task: "asyncio.Future[None]", asked: bool, unfinished: str | None) -> int:
    """Whoever asked for the end does not care how it came about."""
    if task.cancelled() and asked and unfinished:
        print(unfinished, file=sys.stderr)
        return _INTERRUPTED
    if task.cancelled():
        return 0 if asked else 1
    error = task.exception()
    return complain(error) if error else 0


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
