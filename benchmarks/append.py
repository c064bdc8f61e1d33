"""Appending: how many events a second, how long one append takes alone, and how fast to read."""

import asyncio
from statistics import median
from time import perf_counter

from benchmarks.engines import open_log
from benchmarks.result import Result, percentiles_ms
from bus import Log, Record

WRITERS, ROUNDS, BATCHES, BATCH = 8, 5, 100, 100
ALONE = 1000
TOPIC = "benchmark"


async def run(engine: str) -> Result:
    """Events/s of 8 writers with a partition each, in batches of 100; the median of 5 rounds.

    The latencies are of appends of one event, one after the other.
    """
    async with open_log(engine) as log:
        await log.declare(TOPIC, WRITERS + 1)
        await _round(log)
        rounds = [await _round(log) for _ in range(ROUNDS)]
        p50, p99 = percentiles_ms([await _alone(log) for _ in range(ALONE)])
        details = {"value_bytes": len(_EVENT.value), "read_per_s": round(await _read(log))}
    return Result(median(rounds), "events/s", p50, p99, details)


_EVENT = Record("0b0e7bd1-fdb3-5b5e-a4a5-7d7d0e0b4f3c", bytes(200), {"epoch": "1", "sequence": "9"})


async def _round(log: Log) -> float:
    started = perf_counter()
    await asyncio.gather(*(_write(log, partition) for partition in range(WRITERS)))
    return WRITERS * BATCHES * BATCH / (perf_counter() - started)


async def _write(log: Log, partition: int) -> None:
    for _ in range(BATCHES):
        await log.append(TOPIC, partition, [_EVENT] * BATCH)


async def _alone(log: Log) -> float:
    started = perf_counter()
    await log.append(TOPIC, WRITERS, [_EVENT])
    return perf_counter() - started


async def _read(log: Log) -> float:
    """Records/s of one reader, of the first partition from its start."""
    started, offset = perf_counter(), 0
    while found := await log.read(TOPIC, 0, offset):
        offset = found[-1].offset + 1
    return offset / (perf_counter() - started)
