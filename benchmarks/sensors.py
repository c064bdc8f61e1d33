"""One worker of the sensor feeds: readings/s with windows, from a backlog on a topic."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from aiokafka import AIOKafkaProducer

from benchmarks.engines import log_url
from benchmarks.result import Result
from bus.kafka.address import Address
from events.sensors import Finding
from interfaces.sensors.application import SensorSettings
from interfaces.sensors.delivery import Refused
from interfaces.sensors.feeds import PREFIX, parse_feeds
from interfaces.sensors.topics import make_topics
from interfaces.sensors.worker import SensorWorker
from managers.runtime import Failures

READINGS, SENSORS, WARM_UP = 200_000, 100, 20_000
STALLED = 300.0
FEEDS = """
    [weather]
    key = "station"
    time = "time"

    [weather.rules.wind-shift]
    when = "change"
    value = "wind_from_deg"
    by = 30
    circle = 360
    window = { size = 1800, every = 600 }
    endpoint = "stations"

    [weather.rules.gale]
    when = "threshold"
    value = "wind_speed_mph"
    above = 60
    window = { size = 600 }
    endpoint = "stations"

    [weather.rules.silent]
    when = "silence"
    after = 3600
    endpoint = "stations"
"""


async def run(engine: str) -> Result:
    """100 stations, each with a reading a second, looked at by a change in hopping windows, a
    threshold in tumbling ones and a silence; what is found is counted, not delivered."""
    async with log_url("kafka" if engine == "postgres" else engine) as url:
        address, feeds = Address.parse(url), parse_feeds(FEEDS)
        await make_topics(address, feeds)
        await _produce(address)
        outlet = _Counted()
        with TemporaryDirectory(prefix="vestec-") as folder:
            worker = SensorWorker(SensorSettings(url, Path(folder)), feeds, outlet)
            async with _running(worker):
                begun = await _taken(worker, WARM_UP)
                started, computed = perf_counter(), process_time()
                await _taken(worker, READINGS)
                seconds, computed = perf_counter() - started, process_time() - computed
    measured = READINGS - begun
    details = {
        "readings": READINGS,
        "findings": outlet.findings,
        "sensors": SENSORS,
        "us_of_a_core_each": round(computed / measured * 1e6, 1),
    }
    return Result(measured / seconds, "readings/s", details=details)


class _Counted:
    def __init__(self) -> None:
        self.findings, self.waits = 0, Failures[str]()

    async def deliver(self, findings: Sequence[Finding], names: Sequence[str]) -> int:
        self.findings += len(findings)
        return len(findings)

    async def park(self, refused: Sequence[Refused]) -> None:
        raise AssertionError(f"all readings are good: {refused[0].reason}")

    def now(self) -> float:
        return time.time()


async def _produce(address: Address) -> None:
    producer = AIOKafkaProducer(**address.client, linger_ms=20, max_batch_size=2**18)
    await producer.start()
    begin = time.time() - READINGS / SENSORS
    try:
        for number in range(READINGS):
            station, second = number % SENSORS, number // SENSORS
            reading = {
                "station": f"station-{station}",
                "time": begin + second,
                "wind_from_deg": (station + second // 120) % 360,
                "wind_speed_mph": 10 + second % 20,
            }
            topic = f"{address.prefix}{PREFIX}weather"
            await producer.send(topic, json.dumps(reading).encode())
    finally:
        await producer.stop()


@asynccontextmanager
async def _running(worker: SensorWorker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _taken(worker: SensorWorker, wanted: int) -> int:
    """How many were taken, once these were."""
    async with asyncio.timeout(STALLED):
        while (behind := worker.behind()) is None or READINGS - behind < wanted:
            await asyncio.sleep(0.1)
    return READINGS - behind
