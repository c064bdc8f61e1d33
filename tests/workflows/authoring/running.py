"""A run of a stage by itself, and what it tells its manager."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from obstore.store import MemoryStore

from events import incidents as e
from events.envelope import Rejection
from events.values import Document, IncidentId
from managers.blobs import BlobStore
from managers.incidents import Call, RestRun, Run, Waiting
from managers.incidents import Incident as IncidentRecord
from managers.runtime import Assignment
from managers.runtime.manager import Input
from tests.patience import PATIENCE
from workflows import Incident, NoParameters, NoState, Workflow
from workflows.conversation import Worker
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
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._more.clear()
                await self._more.wait()


async def _here(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


@contextmanager
def running(
    stage: Callable[[Plain], Any],
    starts: int = 2,
    blobs: BlobStore | None = None,
    calls: dict[str, Call] | None = None,
    work: Worker = _here,
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
    host = StageHost({"test": workflow}, blobs or BlobStore(MemoryStore()), SameLoop, work)
    told = Told()
    begun = host.begin(Assignment("fire", f"{RUN}:1", IncidentRecord(created), run, told.tell))
    try:
        yield told
    finally:
        begun.stop()
