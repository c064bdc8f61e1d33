"""Replaying: how fast the events of a log are read, decoded and folded, as after a takeover."""

import asyncio
import random
import time
from statistics import median
from uuid import uuid4

from obstore.store import MemoryStore

from benchmarks import stages
from benchmarks.engines import open_log
from benchmarks.result import Result
from benchmarks.stages import chain
from bus import HybridClock, Log, Writer
from bus.cache import CachedLog
from events.envelope import decode, events_topic
from events.values import Context
from managers.blobs import BlobStore
from managers.everyone import declare_topics
from managers.incidents import incident_manager
from managers.runtime import Service, Surroundings
from managers.runtime.folding import fold_until
from workflows.host import StageHost

FILL, ROUNDS = 10, 5
"""Rounds of the benchmark `stages` that make the log; replays of it."""


async def run(engine: str) -> Result:
    """Events/s of one partition, from its first record on; the median of 5 replays."""
    async with open_log(engine) as log:
        await declare_topics(log, stages.PARTITIONS)
        clock = HybridClock(time.time)
        around = Surroundings(log, clock, time.time, random.Random())
        host = StageHost.threaded({chain.kind: chain}, BlobStore(MemoryStore()))
        manager = incident_manager({chain.kind: chain.plan}, host.begin)
        filling = asyncio.create_task(Service(manager, around).run())
        cached = CachedLog(log)
        for _ in range(FILL):
            await stages.play_round(cached, clock)
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)
        host.close()
        seconds = []
        for _ in range(ROUNDS):
            writer = await Writer.take_over(log, events_topic(Context.INCIDENTS), 0, uuid4().hex)
            started = time.perf_counter()
            await fold_until(manager, 0, around, writer)
            seconds.append(time.perf_counter() - started)
        events = await _count(log)
    return Result(events / median(seconds), "events/s", details={"events": events})


async def _count(log: Log) -> int:
    """Events in the first partition."""
    count, offset, topic = 0, 0, events_topic(Context.INCIDENTS)
    while records := await log.read(topic, 0, offset):
        count += sum(len(decode(one.record).events) for one in records if one.record.value)
        offset = records[-1].offset + 1
    return count
