"""When a run that was started again is known to only wait."""

import asyncio

from obstore.store import MemoryStore

from events.values import Blob, Document
from managers.blobs import BlobStore
from managers.incidents import Call, RequestCall, RestRun
from tests.workflows.authoring.running import Plain, running
from workflows import hours


class GatedBlobs(BlobStore):
    """A store whose reads last until the gate is opened."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.gate, self.reading = asyncio.Event(), asyncio.Event()

    async def get(self, blob: Blob) -> bytes:
        self.reading.set()
        await self.gate.wait()
        return await super().get(blob)


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
