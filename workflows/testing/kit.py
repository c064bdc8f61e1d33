"""A whole system in one loop, for one workflow's tests."""

import asyncio
import functools
import random
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, NoReturn, Self
from uuid import UUID

from obstore.store import MemoryStore
from pydantic import JsonValue

from bus import HybridClock, MemoryLog, partition_of
from bus.epochs import START, Position, counted
from events import datasets as d
from events import endpoints as n
from events import incidents as i
from events.datasets import DataSet
from events.envelope import Issued, Recorded, commands_topic, encode_issued, events_topic, recorded
from events.jobs import JobRequest, RelativePath
from events.machines import FLEET, AddMachine, EnableMachine, MachineSettings
from events.values import Blob, Command, Context, IncidentId
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.simulated.fates import Fate, Planned
from interfaces.machines.work.hands import MachineHands
from managers.blobs import BlobMissing, BlobStore, keep_content
from managers.endpoints import Endpoints, EndpointState
from managers.everyone import all_managers, declare_topics
from managers.incidents import Incident, question_id
from managers.incidents.state import evolve
from managers.runtime import Assignment, Service, Surroundings, TaskWork, Work
from workflows.loops import SameLoop
from workflows.testing.clock import EPOCH, Stuck, run_jumping
from workflows.testing.rehearsed import RehearsedHost
from workflows.workflow import Workflow

Results = Mapping[str, Mapping[str, bytes]]
"""The files that each kind of simulation leaves."""

MACHINE = "simulated"
_LONGEST = timedelta(days=7)


class Kit:
    """A system with one workflow, a simulated machine, and a clock that jumps."""

    def __init__(
        self, workflow: Workflow[Any, Any], results: Results, fates: Mapping[str, Fate]
    ) -> None:
        self.workflow = workflow
        self.blobs = _MemoryBlobs()
        self.machine = SimulatedBatchSystem(
            Planned({}, Fate(wait=5.0, run=60.0)) if not fates else _ByKind(fates),
            clock=_Clock(),
            results=functools.partial(_results, results),
        )
        self._log = MemoryLog()
        self._host = RehearsedHost({workflow.kind: workflow}, self.blobs, SameLoop, _at_once)
        self._host.differences = []
        self._services: list[Service[Any, Any]] = []
        self._stack = AsyncExitStack()
        self._arrivals = 0
        self._positions: dict[Context, Position] = {}
        self._events: list[Recorded] = []
        self._incidents: dict[str, Incident] = {}

    async def start(
        self, parameters: Mapping[str, JsonValue] | None = None, settle: bool = True
    ) -> IncidentId:
        """Create and activate an incident, and see it settle, unless `settle` is false."""
        incident = IncidentId(str(UUID(int=random.Random(self._arrivals).getrandbits(128))))
        self._arrivals += 1
        create = i.CreateIncident(
            incident=incident,
            kind=self.workflow.kind,
            name="a test",
            parameters=dict(parameters or {}),
        )
        await self.issue(Context.INCIDENTS, incident, create)
        await self.issue(Context.INCIDENTS, incident, i.ActivateIncident())
        if settle:
            await self.settle(incident)
        return incident

    async def push(
        self, incident: IncidentId, endpoint: str, content: bytes | str, settle: bool = True
    ) -> None:
        """Post to an endpoint; without `settle` return at once, as in a burst."""
        data = content.encode() if isinstance(content, str) else content
        self._arrivals += 1
        arrival = i.Arrival(
            id=UUID(int=self._arrivals),
            endpoint=endpoint,
            received=_wall(),
            content=await keep_content(self.blobs, _whole(data)),
            source="test",
        )
        await self.issue(Context.ENDPOINTS, incident, n.ReceivePush(arrival=arrival))
        if settle:
            await self.settle(incident)

    async def answer(self, incident: IncidentId, choice: str) -> None:
        """Answer the question that a stage asks, as a person would."""
        runs = (await self.incident(incident)).runs.values()
        calls = [(run.id, key, call) for run in runs for key, call in run.calls.items()]
        asked = [question_id(run, key) for run, key, c in calls if c.question and not c.answered]
        if not asked:
            raise LookupError("no stage asks anything")
        answer = i.AnswerQuestion(question=asked[0], choice=choice)
        await self.issue(Context.INCIDENTS, incident, answer)

    async def issue(self, context: Context, key: str, command: Command) -> None:
        """Give any command, as the gateway does."""
        self._arrivals += 1
        id = UUID(int=random.Random(-self._arrivals).getrandbits(128))
        issued = Issued(
            id=id, time=self._clock.now(), actor="test", correlation=id, command=command
        )
        topic = commands_topic(context)
        partition = partition_of(key, await self._log.partitions(topic))
        await self._log.append(topic, partition, [encode_issued(key, issued)])

    async def settle(self, incident: IncidentId, within: timedelta = _LONGEST) -> Incident:
        """Wait until no stage of the incident runs and no message waits for one."""
        deadline = asyncio.get_running_loop().time() + within.total_seconds()
        pause = 1.0
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(pause)
            state = await self.incident(incident)
            pause = max(1.0, _until_due(state) - _wall())
            if not state.runs and not any(
                m.due is None or m.opened for m in state.waiting.values()
            ):
                return state
        raise Stuck(f"the incident did not settle within {within}")

    async def incident(self, incident: IncidentId) -> Incident:
        """The incident's state, as its events tell it."""
        broken = [reason for service in self._services for reason in service.broken.values()]
        if broken:
            raise Stuck(f"a manager stopped: {'; '.join(broken)}")
        await self._read()
        if incident not in self._incidents:
            raise LookupError(f"there is no incident {incident}")
        return self._incidents[incident]

    async def events(self, incident: IncidentId, *contexts: Context) -> list[Recorded]:
        """Everything that happened to the incident, in order of time."""
        await self._read()
        return sorted(
            (
                event
                for event in self._events
                if event.commit.incident == incident and event.context in (contexts or Context)
            ),
            key=lambda event: (event.time, event.offset, event.index),
        )

    async def _read(self) -> None:
        """Take in what is new in the log."""
        for context in Context:
            topic, start = events_topic(context), self._positions.get(context, START)
            records = await self._log.read(topic, 0, start.offset, limit=1_000_000)
            for stored, position, counts in counted(start, records):
                self._positions[context] = position
                for event in recorded(context, 0, position.epoch, stored) if counts else ():
                    self._take(event)

    def _take(self, event: Recorded) -> None:
        self._events.append(event)
        if event.context == Context.INCIDENTS:
            key = event.commit.key
            after = evolve(self._incidents.get(key), event.event)
            if after is not None:
                self._incidents[key] = after

    async def data_sets(self, incident: IncidentId) -> dict[str, DataSet]:
        """The incident's valid data sets by name; of several of a name the newest."""
        valid: dict[UUID, DataSet] = {}
        for event in await self.events(incident, Context.DATASETS):
            match event.event:
                case d.DataSetRegistered():
                    valid[event.event.data_set.id] = event.event.data_set
                case d.DataSetSuperseded():
                    valid.pop(event.event.data_set, None)
        return {data_set.name: data_set for data_set in valid.values()}

    async def notes(self, incident: IncidentId) -> list[str]:
        """What the incident's log says to its operators: notes, and arrivals refused."""
        told = [event.event for event in await self.events(incident, Context.INCIDENTS)]
        return [
            event.note.text if isinstance(event, i.Noted) else event.reason
            for event in told
            if isinstance(event, i.Noted | i.ArrivalRejected)
        ]

    async def __aenter__(self) -> Self:
        self._clock = HybridClock(_wall)
        around = Surroundings(log=self._log, clock=self._clock, wall=_wall, chance=random.Random(0))
        await declare_topics(self._log, partitions=1)
        on_machines = MachineHands(self.blobs, lambda *_: self.machine)
        group = await self._stack.enter_async_context(_Tasks())
        plans = {self.workflow.kind: self.workflow.plan}
        for manager in all_managers(plans, self._host.begin, on_machines.begin, _no_pull):
            self._services.append(Service(manager, around))
            group.start(self._services[-1].run())
        settings = MachineSettings(
            name=MACHINE, base_directory="/simulated", nodes=1000, cores_per_node=128
        )
        await self.issue(Context.MACHINES, FLEET, AddMachine(settings=settings))
        await self.issue(Context.MACHINES, FLEET, EnableMachine(name=MACHINE))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()
        if self._host.differences:
            raise AssertionError("; ".join(self._host.differences))


def rehearse(
    workflow: Workflow[Any, Any],
    *,
    results: Results | None = None,
    fates: Mapping[str, Fate] | None = None,
) -> Callable[[Callable[[Kit], Awaitable[None]]], Callable[[], None]]:
    """Make `async def test(kit)` a plain test that runs on a clock that jumps.

    `results`: the files that each kind of simulation leaves; `fates`: what happens to its jobs.
    """

    def wrap(test: Callable[[Kit], Awaitable[None]]) -> Callable[[], None]:
        async def main() -> None:
            async with Kit(workflow, results or {}, fates or {}) as kit:
                await test(kit)

        def run() -> None:
            run_jumping(main())

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return wrap


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _until_due(state: Incident) -> float:
    """When something has to happen: soon, unless all that runs waits for the clock."""
    open_calls = [[c for c in run.calls.values() if not c.answered] for run in state.runs.values()]
    moments = [min((call.due or 0.0 for call in calls), default=0.0) for calls in open_calls]
    return min(moments, default=0.0)


def _wall() -> float:
    return EPOCH + asyncio.get_running_loop().time()


async def _at_once(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


class _Clock:
    def now(self) -> float:
        return _wall()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _ByKind:
    """Fates by the kind of the simulation."""

    def __init__(self, fates: Mapping[str, Fate]) -> None:
        self._fates = fates

    def fate(self, request: JobRequest, instance: int | None = None) -> Fate:
        return self._fates.get(request.kind, Fate(wait=5.0, run=60.0))

    def unreachable(self, now: float) -> bool:
        return False


def _results(
    results: Results, request: JobRequest, inputs: Mapping[RelativePath, bytes]
) -> Mapping[RelativePath, bytes]:
    return results.get(request.kind, {})


class _MemoryBlobs(BlobStore):
    """Bytes in memory, without the threads that would make a jumping clock miss them."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self._bytes: dict[str, bytes] = {}

    async def put(self, data: bytes) -> Blob:
        return self.put_now(data)

    def put_now(self, data: bytes) -> Blob:
        blob = Blob.of(data)
        self._bytes[blob.sha256] = data
        return blob

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> Blob:
        return await self.put(b"".join([chunk async for chunk in chunks]))

    async def has(self, blob: Blob) -> bool:
        return blob.sha256 in self._bytes

    async def get(self, blob: Blob) -> bytes:
        return self.get_now(blob)

    def get_now(self, blob: Blob) -> bytes:
        if blob.sha256 not in self._bytes:
            raise BlobMissing(f"blob {blob.sha256} is not in the blob store")
        return self._bytes[blob.sha256]

    async def stream(
        self, blob: Blob, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        yield self.get_now(blob)[start:end]


class _Tasks:
    """Tasks that are cancelled in the end; one that fails is told of."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[NoReturn]] = []

    def start(self, service: Any) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(service))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        failures = [error for error in ended if isinstance(error, Exception)]
        if failures:
            raise ExceptionGroup("services failed", failures)


def _no_pull(assigned: Assignment[Endpoints, EndpointState]) -> Work[EndpointState]:
    """Nothing is pulled in a test: what a source would bring is pushed."""

    async def nothing() -> None:
        return None

    return TaskWork(nothing, "no pull")
