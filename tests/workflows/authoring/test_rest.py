"""When a run that was started again is known to only wait."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from obstore.store import MemoryStore

from events import incidents as e
from events.envelope import Rejection
from events.values import Blob, Document, IncidentId
from managers.blobs import BlobStore
from managers.incidents import Call, RequestCall, RestRun, Run, Waiting
from managers.incidents import Incident as IncidentRecord
from managers.runtime import Assignment
from managers.runtime.manager import Input
from workflows import Incident, NoParameters, NoState, Workflow, hours
from workflows.host import StageHost
from workflows.loops import SameLoop

Plain = Incident[NoParameters, NoState]
RUN = UUID(int=7)


class Told:
    """What a run tells its manager."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self._more = asyncio.Event()

    def tell(self, input: Input) -> "asyncio.Future[Rejection | None]":
        self.inputs.append(input)
        self._more.set()
        return asyncio.get_running_loop().create_future()

    @property
    def rests(self) -> int:
        return self.inputs.count(RestRun(RUN, 1))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(2):
            while not condition():
                self._more.clear()
                await self._more.wait()


class GatedBlobs(BlobStore):
    """A store whose reads last until the gate is opened."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.gate, self.reading = asyncio.Event(), asyncio.Event()

    async def get(self, blob: Blob) -> bytes:
        self.reading.set()
        await self.gate.wait()
        return await super().get(blob)


async def _here(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


@contextmanager
def running(
    stage: Callable[[Plain], Any],
    starts: int = 2,
    blobs: BlobStore | None = None,
    calls: dict[str, Call] | None = None,
) -> Iterator[Told]:
    """A run of the stage that was started so often."""
    workflow = Workflow("test", version=1, title="Test")
    workflow.on_activate(stage)
    created = e.IncidentCreated(
        incident=IncidentId("fire"), kind="test", workflow_version=1, name="A fire",
        parameters={}, exercise=False, owner="",
    )  # fmt: skip
    message = Waiting(RUN, stage.__name__, None, Document(), (), None)
    run = Run(message, 1, 0.0, {}, {}, calls or {}, starts=starts)
    host = StageHost({"test": workflow}, blobs or BlobStore(MemoryStore()), SameLoop, _here)
    told = Told()
    work = host.begin(Assignment("fire", f"{RUN}:1", IncidentRecord(created), run, told.tell))
    try:
        yield told
    finally:
        work.stop()


async def wait_for_somebody(incident: Plain) -> None:
    await incident.ask("Go?", ["yes"], hours(1), "yes")


async def settled() -> None:
    """Everything that can go on without waiting has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_run_that_was_started_again_tells_once_that_it_only_waits() -> None:
    with running(wait_for_somebody) as told:
        await told.until(lambda: told.rests == 1)
        await settled()
    assert [type(input) for input in told.inputs] == [RequestCall, RestRun]


async def test_a_run_in_its_first_process_need_not_say_that_it_waits() -> None:
    with running(wait_for_somebody, starts=1) as told:
        await told.until(lambda: bool(told.inputs))
        await settled()
    assert [type(input) for input in told.inputs] == [RequestCall]


async def test_who_waits_in_one_branch_and_works_in_another_does_not_rest() -> None:
    gate, works = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        works.set()
        await gate.wait()

    async def both(incident: Plain) -> None:
        await incident.gather(wait_for_somebody(incident), incident.step(work))

    with running(both) as told:
        await works.wait()
        await settled()
        assert told.rests == 0
        gate.set()
        await told.until(lambda: told.rests == 1)


async def test_who_reads_in_another_branch_what_was_recorded_does_not_rest() -> None:
    blobs, key = GatedBlobs(), ""

    def measure() -> str:
        return "recorded"

    async def measure_it(incident: Plain) -> None:
        await incident.step(measure)

    async def both(incident: Plain) -> None:
        await incident.gather(wait_for_somebody(incident), measure_it(incident))

    with running(measure_it) as told:
        await told.until(lambda: bool(told.inputs))
        key = told.inputs[0].call  # type: ignore[attr-defined]  # it recorded the step
    kept = Document(blob=await blobs.put(b'"recorded"'))
    with running(both, blobs=blobs, calls={key: Call("step measure", True, kept)}) as told:
        await blobs.reading.wait()
        await settled()
        assert told.rests == 0
        blobs.gate.set()
        await told.until(lambda: told.rests == 1)
