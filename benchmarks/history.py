"""A long log: the lives of many incidents, each a copy of one that was really lived.

A whole system lives one incident from its creation to its end: data is pushed, worked on in steps,
simulated on this computer, and kept. What all managers recorded of it is then appended again and
again under other ids, as if so many incidents had come one after the other.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from uuid import UUID, uuid4, uuid5

import aiohttp

from benchmarks.push import endpoint, issue_from_here, push
from bus import Log, Record, Timestamp, Writer, partition_of
from deploy.settings import Settings
from deploy.system import System, running_system
from events.envelope import Commit, Cursor, decode, encode, events_topic
from events.incidents import IncidentStatus
from events.jobs import token_of
from events.machines import FLEET, AddMachine, EnableMachine, MachineSettings
from events.values import SYSTEM, Context, IncidentId
from managers.everyone import all_managers, declare_topics
from managers.runtime.sources import source_name
from projections.incidents import find_incident
from projections.positions import Source
from workflows import Arrival, Incident, NoParameters, NoState, Workflow, minutes

PUSHES, JOBS = 20, 4
_WITHIN = 120.0
_PORTION = 500
"""Commits of one append."""

life = Workflow("benchmark-life", version=1, title="A life to be copied")


@life.on_activate
async def begin(incident: Incident[NoParameters, NoState]) -> None:
    await incident.endpoints.push("data", to=data)


@life.stage(lane="data")
async def data(incident: Incident[NoParameters, NoState], arrival: Arrival) -> None:
    number = await incident.step(int, arrival.text())
    if number < JOBS:
        incident.send(simulate, number)
    elif number == PUSHES:
        incident.send(end)


@life.stage(lane="jobs")
async def simulate(incident: Incident[NoParameters, NoState], number: int) -> None:
    done = await incident.simulations.run(
        "square", f"echo $(({number} * {number})) >square", outputs=["square"], walltime=minutes(1)
    )
    await incident.data.register(f"square-{number}", done.outputs["square"])


@life.stage(lane="jobs")
async def end(incident: Incident[NoParameters, NoState]) -> None:
    incident.complete("all was pushed")


@dataclass(frozen=True)
class Life:
    """What was recorded of one incident, causes before effects, and before that of its machine."""

    surroundings: Sequence[tuple[Context, Commit]]
    incident: Sequence[tuple[Context, Commit]]

    @property
    def events(self) -> int:
        return sum(len(commit.events) for _, commit in self.incident)


async def write_history(log: Log, partitions: int, events: int, folder: Path) -> int:
    """Make an empty log of whole lives, until there are so many events; how many there are."""
    await declare_topics(log, partitions)
    lived = await _live(folder)
    appending = _Appending(log)
    for context, commit in lived.surroundings:
        await appending.add(context, encode(commit))
    records = [(context, encode(commit)) for context, commit in lived.incident]
    lives = -(-events // lived.events)
    for number in range(lives):
        renamed = _renaming(number)
        for context, record in records:
            await appending.add(context, _copy(record, renamed))
    await appending.finish()
    await _note_what_was_read(appending)
    return lives * lived.events


async def _live(folder: Path) -> Life:
    settings = Settings(data=folder / "data", port=0, workflows="benchmarks.history:life")
    async with running_system(settings) as system, aiohttp.ClientSession() as session:
        machine = MachineSettings(name="here", base_directory=str(folder / "machine"), slots=JOBS)
        await issue_from_here(system, Context.MACHINES, FLEET, AddMachine(settings=machine))
        await issue_from_here(system, Context.MACHINES, FLEET, EnableMachine(name="here"))
        incident = IncidentId(str(uuid4()))
        url = await endpoint(system, session, incident, life.kind)
        for number in range(1, PUSHES + 1):
            await push(session, url, uuid4(), str(number).encode())
        async with asyncio.timeout(_WITHIN):
            while not await _complete(system, incident):
                await asyncio.sleep(0.1)
        return await _read(system.storage.log, incident)


async def _complete(system: System, incident: IncidentId) -> bool:
    found = await find_incident(system.storage.pool, incident)
    return found is not None and found.status == IncidentStatus.COMPLETE


async def _read(log: Log, incident: IncidentId) -> Life:
    commits = [
        (context, decode(stored.record).model_copy(update={"cursor": None}))
        for context in Context
        for partition in range(await log.partitions(events_topic(context)))
        for stored in await log.read(events_topic(context), partition, 0, limit=100_000)
        if stored.record.value
    ]
    commits.sort(key=lambda one: one[1].time)
    return Life(
        [one for one in commits if one[1].incident is None],
        [one for one in commits if one[1].incident == incident],
    )


_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\bv[a-z2-7]{13}\b")
"""The id of anything, or the token of a job."""

_Renaming = Callable[[re.Match[bytes]], bytes]


def _renaming(number: int) -> _Renaming:
    """Gives each id another one, the same wherever it is found."""
    names: dict[bytes, bytes] = {}

    def renamed(found: re.Match[bytes]) -> bytes:
        before = found[0]
        if before not in names:
            after = uuid5(UUID(int=number), before.decode())
            names[before] = (token_of(after) if before.startswith(b"v") else str(after)).encode()
        return names[before]

    return renamed


def _copy(record: Record, renamed: _Renaming) -> Record:
    def text(before: str) -> str:
        return _ID.sub(renamed, before.encode()).decode()

    headers = {name: text(value) for name, value in record.headers.items()}
    return Record(text(record.key), _ID.sub(renamed, record.value), headers)


class _Appending:
    """The writers of all partitions, and what waits to be appended by them."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.writers: dict[Source, Writer] = {}
        self._waiting: dict[Source, list[Record]] = defaultdict(list)

    async def add(self, context: Context, record: Record) -> None:
        partitions = await self.log.partitions(events_topic(context))
        place = context, partition_of(record.key, partitions)
        self._waiting[place].append(record)
        if len(self._waiting[place]) >= _PORTION:
            await self._append(place)

    async def finish(self) -> None:
        for place in [*self._waiting]:
            await self._append(place)

    async def writer(self, place: Source) -> Writer:
        if place not in self.writers:
            context, partition = place
            self.writers[place] = await Writer.take_over(
                self.log, events_topic(context), partition, uuid4().hex
            )
        return self.writers[place]

    async def _append(self, place: Source) -> None:
        await (await self.writer(place)).append(self._waiting.pop(place))


async def _note_what_was_read(appending: _Appending) -> None:
    """Have every manager know that it has taken all messages that lie there."""
    ends = {source: writer.position for source, writer in appending.writers.items()}
    for manager in all_managers({}, _nobody, _nobody, _nobody):
        for place in [place for place in ends if place[0] == manager.context]:
            for source, position in ends.items():
                if source[0] in manager.sources:
                    cursor = Cursor.at(source_name(*source), position)
                    await (await appending.writer(place)).append([encode(_reading(cursor))])


def _reading(cursor: Cursor) -> Commit:
    id = uuid4()
    return Commit(
        id=id, time=Timestamp(0), key="", cause="", correlation=id, actor=SYSTEM, cursor=cursor
    )


def _nobody(*_: object) -> NoReturn:
    raise AssertionError("here nobody works")
