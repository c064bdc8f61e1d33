"""What stages and their steps log carries the ids of their incident and run, and no others."""

import asyncio
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog
from obstore.store import MemoryStore
from structlog.contextvars import bind_contextvars, get_contextvars, merge_contextvars
from structlog.testing import capture_logs
from structlog.typing import EventDict

from events import incidents as e
from events.envelope import Rejection
from events.values import Document, IncidentId
from managers.blobs import BlobStore
from managers.incidents import FinishRun, Run, Waiting
from managers.incidents import Incident as IncidentRecord
from managers.runtime import Assignment
from managers.runtime.manager import Input
from tests.patience import PATIENCE
from workflows import Incident, NoParameters, NoState, Workflow
from workflows.host import StageHost
from workflows.loops import Mailbox

Plain = Incident[NoParameters, NoState]
Lines = list[EventDict]

talkative = Workflow("talkative", version=1, title="Says what it does")


@talkative.on_activate
async def talk(incident: Plain) -> None:
    structlog.get_logger().info("stage", who=incident.id)
    await incident.step(work, incident.id)


def work(who: str) -> str:
    structlog.get_logger().info("step", who=who, thread=threading.current_thread().name)
    return who


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs([merge_contextvars]) as captured:
        yield captured


@pytest.fixture
def host() -> Iterator[StageHost]:
    """In threads, as in a real system."""
    host = StageHost.threaded({"talkative": talkative}, BlobStore(MemoryStore()))
    yield host
    host.close()


async def run(host: StageHost, number: int) -> UUID:
    """Run the stage for an incident of this number, to its end."""

    id, ended = UUID(int=number), asyncio.Event()
    created = e.IncidentCreated(
        incident=IncidentId(f"i-{number}"), kind="talkative", workflow_version=1, name="A fire",
        parameters={}, exercise=False, owner="",
    )  # fmt: skip

    def tell(input: Input) -> "asyncio.Future[Rejection | None]":
        if isinstance(input, FinishRun):
            ended.set()
        return asyncio.get_running_loop().create_future()

    at_work = Run(Waiting(id, "talk", None, Document(), (), None), 1, 0.0, {}, {})
    record = IncidentRecord(created)
    assigned = Assignment(record.id, f"{id}:1", record, at_work, tell)
    stage = host.begin(assigned)
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
    stage.stop()
    return id


async def test_lines_of_stages_and_steps_carry_their_own_ids(host: StageHost, lines: Lines) -> None:
    ids = {f"i-{number}": await run(host, number) for number in (1, 2, 3)}
    for event in ("stage", "step"):
        said = [one for one in lines if one["event"] == event]
        assert [one["incident"] for one in said] == [one["who"] for one in said] == [*ids]
        assert [one["cause"] for one in said] == [f"incidents.work/{id}:1" for id in ids.values()]
    assert all(one["thread"].startswith("step") for one in lines if one["event"] == "step")


async def test_what_whoever_wakes_a_mailbox_has_bound_is_on_no_line_of_others() -> None:
    mailbox, done = Mailbox(asyncio.get_running_loop()), asyncio.Event()
    seen: list[dict[str, object]] = []

    def look() -> None:
        seen.append(get_contextvars())
        done.set()

    async def wake() -> None:
        bind_contextvars(incident="i-1", sensor="of this stage only")
        mailbox.call(look)

    await asyncio.create_task(wake())
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    assert seen == [{}]
