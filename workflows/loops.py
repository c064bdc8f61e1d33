"""The threads in which workflow code runs, each with a loop of its own.

Workflow code never runs in the runtime's loop: a busy stage must not delay heartbeats, takeovers
or other stages. In tests everything may run in one loop.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Protocol


class Workshop(Protocol):
    """Where stages run; `call` may be used from any thread."""

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Run a function in the workshop's loop, soon, in the order of the calls."""

    def busy_with(self) -> str | None:
        """The name of the task that runs at this very moment."""

    def close(self) -> None:
        """No more calls; what still runs is cancelled."""


class Mailbox:
    """Calls into a loop from another thread, woken once for many.

    They are made in the context in which the mailbox was: what whoever wakes it has bound is his.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._context = loop, copy_context()
        self._calls: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()
        self._woken = False

    def call(self, function: Callable[..., None], *args: Any) -> None:
        with self._lock:
            self._calls.append((function, args))
            woken, self._woken = self._woken, True
        if not woken:
            try:
                self._loop.call_soon_threadsafe(self._deliver, context=self._context)
            except RuntimeError:  # the loop is closed: whoever takes over goes on
                self._calls.clear()

    def _deliver(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, deque()
            self._woken = False
        for function, args in calls:
            function(*args)


class SameLoop:
    """The loop that everything else runs in: for tests on a clock that jumps."""

    def call(self, function: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_soon(function, *args)

    def busy_with(self) -> str | None:
        return None

    def close(self) -> None:
        """The loop is not ours."""


class LoopThread:
    """A thread with a loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._mailbox = Mailbox(self._loop)
        self.call = self._mailbox.call
        threading.Thread(target=self._run, name="workflows", daemon=True).start()

    def busy_with(self) -> str | None:
        task = asyncio.current_task(self._loop)
        return task.get_name() if task else None

    def close(self) -> None:
        self.call(self._end)

    def _end(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        ended = asyncio.gather(*tasks, return_exceptions=True)
        ended.add_done_callback(lambda _: self._loop.stop())

    def _run(self) -> None:
        """Until it is closed: `sys.exit` in a stage ends that stage, not the loop of all others."""
        ended = False
        while not ended:
            with suppress(SystemExit, KeyboardInterrupt):
                self._loop.run_forever()
                ended = True
        self._loop.close()
