"""Durable stages: 100 incidents with 20 chained stages each, in one process.

Each stage is real workflow code in its own thread's loop, with validated messages; its message, its
start and its end are durable before the next one begins. Read models do not run here: they never
stand in a stage's way.
"""

import asyncio
import random
import time
from uuid import uuid4

from obstore.store import MemoryStore

from benchmarks.engines import open_log
from benchmarks.result import Result
from bus import HybridClock, Log, partition_of
from bus.cache import CachedLog
from bus.epochs import START
from events.envelope import Issued, commands_topic, encode_issued, events_topic, recorded
from events.incidents import ActivateIncident, CreateIncident, IncidentEnded
from events.values import Context, IncidentId
from managers.blobs import BlobStore
from managers.everyone import declare_topics
from managers.incidents import incident_manager
from managers.runtime import Service, Surroundings
from workflows import Incident, NoParameters, NoState, Workflow
from workflows.host import StageHost

INCIDENTS, LINKS, ROUNDS, PARTITIONS = 100, 20, 5, 4

chain = Workflow("chain", version=1, title="A chain of stages")


@chain.on_activate
async def begin(incident: Incident[NoParameters, NoState]) -> None:
    incident.send(link, 2)


@chain.stage()
async def link(incident: Incident[NoParameters, NoState], number: int) -> None:
    if number < LINKS:
        incident.send(link, number + 1)
    else:
        incident.complete()


async def run(engine: str) -> Result:
    """Stages/s: the median of 5 rounds, from the first command to the last incident's end."""
    async with open_log(engine) as opened:
        log = CachedLog(opened)
        await declare_topics(log, PARTITIONS)
        clock = HybridClock(time.time)
        around = Surroundings(log, clock, time.time, random.Random())
        host = StageHost.threaded({chain.kind: chain}, BlobStore(MemoryStore()))
        service = Service(incident_manager({chain.kind: chain.plan}, host.begin), around)
        running = asyncio.create_task(service.run())
        rates = [await play_round(log, clock) for _ in range(ROUNDS + 1)][1:]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        host.close()
    rates.sort()
    details = {"slowest_round": round(rates[0]), "fastest_round": round(rates[-1])}
    return Result(rates[len(rates) // 2], "stages/s", details=details)


async def play_round(log: Log, clock: HybridClock) -> float:
    """Have all incidents played from creation to end; stages/s."""
    incidents = [IncidentId(str(uuid4())) for _ in range(INCIDENTS)]
    ends = [
        asyncio.create_task(_ended(log, partition, set(incidents)))
        for partition in range(PARTITIONS)
    ]
    started = time.perf_counter()
    await asyncio.gather(*(_begin(log, clock, p, incidents) for p in range(PARTITIONS)))
    await asyncio.gather(*ends)
    return INCIDENTS * LINKS / (time.perf_counter() - started)


async def _ended(log: Log, partition: int, incidents: set[IncidentId]) -> None:
    """Return when all of these incidents that live in the partition have ended."""
    topic = events_topic(Context.INCIDENTS)
    left = {one for one in incidents if partition_of(one, PARTITIONS) == partition}
    _, offset = await log.bounds(topic, partition)
    while left:
        records = await log.read(topic, partition, offset)
        for stored in records:
            offset = stored.offset + 1
            if b'"IncidentEnded"' in stored.record.value:
                for event in recorded(Context.INCIDENTS, partition, START.epoch, stored):
                    if isinstance(event.event, IncidentEnded):
                        left.discard(IncidentId(event.commit.key))
        if not records:
            await log.wait(topic, partition, offset)


async def _begin(log: Log, clock: HybridClock, partition: int, incidents: list[IncidentId]) -> None:
    """Create and activate those incidents that live in the partition, in one append."""
    mine = [one for one in incidents if partition_of(one, PARTITIONS) == partition]
    commands = [
        (incident, command)
        for incident in mine
        for command in (
            CreateIncident(incident=incident, kind=chain.kind, name="chain"),
            ActivateIncident(),
        )
    ]
    records = [
        encode_issued(
            incident, Issued(id=id, time=clock.now(), actor="", correlation=id, command=c)
        )
        for incident, c in commands
        if (id := uuid4())
    ]
    await log.append(commands_topic(Context.INCIDENTS), partition, records)
