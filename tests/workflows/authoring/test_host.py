"""Where stages run: a loop that one of them keeps busy is left to it, and ends with it."""

import asyncio
import threading
from collections.abc import Callable

from obstore.store import MemoryStore
from structlog.testing import capture_logs

from managers.blobs import BlobStore
from tests.patience import PATIENCE
from workflows.host import StageHost
from workflows.loops import LoopThread, Workshop
from workflows.workers import Workers


class Somebody:
    """A run, as far as its host looks at it."""

    def __init__(self, name: str, host: StageHost) -> None:
        self.name, self.workshop = name, host.workshop
        self.about = {"incident": "somebody's"}
        host.runs.add(self)  # type: ignore[arg-type]

    def move(self, workshop: LoopThread) -> None:
        self.workshop = workshop


def _threads() -> int:
    return sum(thread.name == "workflows" for thread in threading.enumerate())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


async def _kept_busy(workshop: Workshop) -> threading.Event:
    """Keep a workshop busy until the event is set."""
    begun, over = threading.Event(), threading.Event()

    async def burn() -> None:
        begun.set()
        over.wait(20)

    workshop.call(lambda: setattr(workshop, "task", asyncio.create_task(burn(), name="busy")))
    await _until(begun.is_set)
    return over


async def test_a_workshop_that_was_left_ends_with_its_last_run() -> None:
    before = _threads()
    host = StageHost.threaded({}, BlobStore(MemoryStore()))
    busy, other = Somebody("busy", host), Somebody("other", host)
    workshop = host.workshop
    over = await _kept_busy(workshop)
    with capture_logs() as lines:
        watch = asyncio.create_task(host.watch())
        await _until(lambda: host.workshop is not workshop)
    assert (busy.workshop, other.workshop) == (workshop, host.workshop)
    (line,) = (one for one in lines if one["event"] == "a stage keeps its loop busy")
    assert (line["run"], line["incident"]) == ("busy", "somebody's")
    assert _threads() == before + 2
    over.set()
    host.runs.discard(busy)
    host.left(workshop)
    await _until(lambda: _threads() == before + 1)
    watch.cancel()
    host.close()
    await _until(lambda: _threads() == before)


async def test_a_workshop_whose_busy_run_was_stopped_before_it_is_left_ends_too() -> None:
    before = _threads()
    host = StageHost.threaded({}, BlobStore(MemoryStore()))
    busy, workshop = Somebody("busy", host), host.workshop
    over = await _kept_busy(workshop)
    host.runs.discard(busy)
    host.left(workshop)
    watch = asyncio.create_task(host.watch())
    await _until(lambda: host.workshop is not workshop)
    over.set()
    await _until(lambda: _threads() == before + 1)
    watch.cancel()
    host.close()
    await _until(lambda: _threads() == before)


async def test_a_host_that_cannot_leave_a_busy_workshop_tries_again() -> None:
    refusals = 0

    def workshop() -> LoopThread:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise RuntimeError("can't start new thread")
        return LoopThread()

    host = StageHost({}, BlobStore(MemoryStore()), workshop, Workers())
    busy = host.workshop
    over = await _kept_busy(busy)
    refusals = 2
    watch = asyncio.create_task(host.watch())
    await _until(lambda: host.workshop is not busy)
    over.set()
    watch.cancel()
    host.close()


async def test_what_runs_in_a_workshop_that_is_closed_is_cancelled() -> None:
    workshop, begun, cancelled = LoopThread(), threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    workshop.call(lambda: setattr(workshop, "task", asyncio.create_task(wait())))
    await _until(begun.is_set)
    workshop.close()
    await _until(cancelled.is_set)
