"""The threads in which plain functions of workflows run, where they may block."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import structlog

_MOST = 2000
"""Threads, with those that nobody waits for any more."""
_LONG = 10.0
"""Seconds."""

_log = structlog.get_logger()


class Workers:
    """Runs functions, `at_once` of them for each loop.

    A thread cannot be stopped. So whoever gives a function up gives its place back: one that never
    comes back keeps a thread, and nobody else waiting.
    """

    def __init__(self, at_once: int = 32) -> None:
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(_MOST, thread_name_prefix="step")
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._places = WeakKeyDictionary()

    async def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        loop = asyncio.get_running_loop()
        places = self._places.setdefault(loop, asyncio.Semaphore(self._at_once))
        await self._take(places)
        try:
            work = partial(copy_context().run, _tellable, function, *args, **kwargs)
            return await loop.run_in_executor(self._threads, work)
        finally:
            places.release()

    async def _take(self, places: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(_LONG):
                await places.acquire()
        except TimeoutError:
            busy = f"{self._at_once} functions of workflows have been at work for {_LONG:g} s"
            _log.warning("a step waits for a worker", why=busy)
            await places.acquire()


def _tellable(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The same, but for what a future refuses to hand on: who awaits it would wait for ever."""
    try:
        return function(*args, **kwargs)
    except (StopIteration, GeneratorExit) as error:
        raise RuntimeError(f"the function raised {type(error).__name__}") from error
