"""Nothing is passed over: what fails while readings are in hand only makes them be taken again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.kafka import Cluster
from events.sensors import Finding
from interfaces.sensors import desk, rules, worker
from interfaces.sensors.application import SensorSettings
from interfaces.sensors.delivery import Refused
from interfaces.sensors.feeds import Feeds, parse_feeds
from interfaces.sensors.recovery import Consumer as Taking
from interfaces.sensors.worker import SensorWorker
from managers.runtime import Failures
from tests.interfaces.sensors.conftest import reading, until

FEEDS = parse_feeds("""
[weather]
key = "station"
time = "time"
partitions = 2

[weather.rules.gale]
when = "threshold"
value = "speed"
above = 60
window = { size = 1800, every = 600 }
endpoint = "stations"

[weather.rules.often]
when = "count"
at_least = 40
window = { size = 600 }
endpoint = "counts"
""")
SILENT = parse_feeds("""
[weather]
key = "station"
time = "time"

[weather.rules.silent]
when = "silence"
after = 5000
endpoint = "silences"
""")


@dataclass
class Outlet:
    """Keeps what it is given, unless it is told to wait or to fail."""

    found: list[Finding] = field(default_factory=list)
    parked: list[Refused] = field(default_factory=list)
    failures: int = 0
    fails: Callable[[str], bool] = lambda key: False
    open: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: bool = False
    clock: float = 2000.0
    waits: Failures[str] = field(default_factory=Failures)

    def __post_init__(self) -> None:
        self.open.set()

    def now(self) -> float:
        return self.clock

    async def deliver(self, findings: Sequence[Finding], names: Sequence[str]) -> int:
        self.waiting = True
        await self.open.wait()
        self.waiting = False
        if any(self.fails(one.key) for one in findings):
            self.failures += 1
            raise RuntimeError("nobody expected this")
        self.found += findings
        return len(findings)

    async def park(self, refused: Sequence[Refused]) -> None:
        self.parked += refused

    def has_failed(self, times: int) -> bool:
        return self.failures >= times

    def keys(self, rule: str = "gale") -> set[str]:
        """The keys that a rule found."""
        return {one.key for one in self.found if one.rule == rule}


class Sensor:
    """Another maker's producer."""

    def __init__(self, servers: str, url: str, feed: str = "weather", **settings: Any) -> None:
        namespace = f"{url.rpartition('/')[2]}.vestec.sensors"
        self.topic = f"{namespace}.{feed}"
        self.changelog = f"{namespace}-{feed}.memory-changelog"
        self._settings = {"bootstrap.servers": servers, **settings}
        self._producer = Producer(self._settings)

    async def finds_its_topic(self) -> None:
        async def there() -> bool:
            return self.topic in self._producer.list_topics(timeout=10).topics

        await until("the topic is there", there)

    async def is_remembered(self, partition: int = 0) -> None:
        """Return when the changelog says that readings of the partition were taken."""
        changelog = TopicPartition(self.changelog, partition, 0)
        reader = Consumer({**self._settings, "group.id": "none", "enable.auto.commit": False})
        reader.assign([changelog])

        async def so() -> bool:
            record = reader.poll(0)
            return record is not None and record.key() == b"%d" % partition

        await until("it is remembered", so)
        reader.close()

    def says(self, *values: str | bytes | None, partition: int = 0) -> None:
        for value in values:
            self._producer.produce(self.topic, value, partition=partition)
        self._producer.flush(30)

    def gale(self, *stations: str) -> None:
        self.says(*(reading(station, 1000, speed=70) for station in stations))


@pytest.fixture
def sensor(kafka: Cluster, kafka_url: str) -> Sensor:
    return Sensor(kafka.servers, kafka_url)


@asynccontextmanager
async def working(
    url: str, folder: Path, outlet: Outlet, feeds: Feeds = FEEDS
) -> AsyncIterator[SensorWorker]:
    running = SensorWorker(SensorSettings(url, folder), feeds, outlet)
    task = asyncio.create_task(running.run())
    try:
        yield running
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def why(running: SensorWorker, what: str = "worker") -> str:
    """Why it, or a feed of it, takes nothing now."""
    failure = running.failures.known.get(what)
    return failure.reason if failure else ""


async def so(what: str, condition: Callable[[], bool]) -> None:
    async def asked() -> bool:
        return condition()

    await until(what, asked)


async def test_a_failure_that_repeats_passes_over_no_reading(
    kafka_url: str, tmp_path: Path, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_TRY_AGAIN", 0.0)
    outlet, often = Outlet(), 12
    outlet.fails = lambda key: outlet.failures < often and key == "B"
    async with working(kafka_url, tmp_path, outlet):
        await sensor.finds_its_topic()
        sensor.gale("A")
        await so("the first is found", lambda: outlet.keys() == {"A"})
        for times, behind in enumerate("BCDE", 1):
            sensor.gale(behind)
            await so("it fails again", partial(outlet.has_failed, times))
        await so("it has failed often", lambda: outlet.failures == often)
        await so("all are found", lambda: outlet.keys() == {*"ABCDE"})


class Breaking(Outlet):
    """Delivers one after the other, and breaks once, behind a finding of the key K."""

    async def deliver(self, findings: Sequence[Finding], names: Sequence[str]) -> int:
        for finding in findings:
            self.found.append(finding)
            if finding.key == "K" and not self.failures:
                self.failures += 1
                raise RuntimeError("nobody expected this")
        return len(findings)


async def test_of_a_burst_only_a_part_is_delivered_again(
    kafka_url: str, tmp_path: Path, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_TRY_AGAIN", 0.0)
    monkeypatch.setattr(desk, "_FINDINGS", 5)
    outlet = Breaking()
    async with working(kafka_url, tmp_path, Outlet()):
        await sensor.finds_its_topic()
    sensor.gale(*"ABCDEFGHIJKLM")
    async with working(kafka_url, tmp_path, outlet):
        await so("all are found", lambda: outlet.keys() == {*"ABCDEFGHIJKLM"})
    assert "".join(one.key for one in outlet.found) == "ABCDEFGHIJK" + "KLM"


async def test_nothing_is_fetched_into_queues_that_are_still_to_be_emptied(
    kafka_url: str, tmp_path: Path, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust empties them after it has sought its place: that takes long here."""
    seek, message = Taking.perform_seek, Taking._to_message
    seeking, fetched = asyncio.Event(), asyncio.Event()

    async def slowly(consumer: Any) -> None:
        if not consumer.flow_active:
            await seek(consumer)
            return
        seeking.set()
        await seek(consumer)
        with suppress(TimeoutError):
            await asyncio.wait_for(fetched.wait(), 2)
        seeking.clear()

    def fetching(consumer: Any, tp: Any, record: Any) -> Any:
        if tp.topic == sensor.topic and seeking.is_set():
            fetched.set()
        return message(consumer, tp, record)

    outlet = Outlet()
    async with working(kafka_url, tmp_path, outlet):
        await sensor.finds_its_topic()
        sensor.gale("A")
        await sensor.is_remembered()
    sensor.gale("B", "C")
    monkeypatch.setattr(Taking, "perform_seek", slowly)
    monkeypatch.setattr(Taking, "_to_message", fetching)
    async with working(kafka_url, tmp_path, outlet):
        await so("all are found", lambda: outlet.keys() == {*"ABC"})
        assert not fetched.is_set()


async def test_what_nobody_expected_of_a_reading_is_parked_and_the_others_go_on(
    kafka: Cluster, kafka_url: str, tmp_path: Path, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(source: Any, was: Any, reading: Any) -> Any:
        if reading.key == "pill":
            raise ZeroDivisionError("a defect")
        return rules.take(source, was, reading)

    monkeypatch.setattr(desk, "take", defective)
    outlet = Outlet()
    async with working(kafka_url, tmp_path, outlet):
        await sensor.finds_its_topic()
        sensor.gale("A", "pill", "B")
        never = '{"station": "S", "time": "0001-01-01T00:00:00Z", "speed": 70}'
        sensor.says(never, None, b"")
        sensor.gale("C")
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            packed = Sensor(kafka.servers, kafka_url, **{"compression.type": codec})
            packed.says(reading(codec, 1000, speed=70, more="x" * 3000))
        everything = {"A", "B", "C", "gzip", "snappy", "lz4", "zstd"}
        await so("all others are found", lambda: outlet.keys() == everything)
        reasons = {one.id.offset: one.reason for one in outlet.parked}
        assert reasons.keys() == {1, 3, 4, 5}
        assert "ZeroDivisionError" in reasons[1]
        assert "1970" in reasons[3]
        assert outlet.failures == 0


async def test_readings_in_hand_when_partitions_are_given_out_anew_count_once_and_all(
    kafka_url: str, tmp_path: Path, sensor: Sensor
) -> None:
    """One worker waits with readings in hand; another one comes, and later the first one goes."""
    first, second = Outlet(), Outlet()

    def say(numbers: range) -> None:
        for number in numbers:
            for partition in (0, 1):
                said = reading(f"P{partition}", 1000 + number, speed=1)
                sensor.says(said, partition=partition)
        for partition in (0, 1):
            gale = reading(f"G{partition}-{numbers.start}", 1000, speed=70)
            sensor.says(gale, partition=partition)

    def counted() -> set[str]:
        return first.keys("often") | second.keys("often")

    async with working(kafka_url, tmp_path / "2", second) as other:
        async with working(kafka_url, tmp_path / "1", first) as one:
            await sensor.finds_its_topic()
            shared = {f"{sensor.topic}/{partition}" for partition in (0, 1)}
            await so("they share", lambda: {*one.owned, *other.owned} == shared)
            first.open.clear()
            second.open.clear()
            say(range(10))
            await so("they have some in hand", lambda: first.waiting or second.waiting)
            async with working(kafka_url, tmp_path / "3", Outlet()) as third:
                await so("a third one is there", lambda: third.since is not None)
                say(range(10, 20))
            first.open.set()
            second.open.set()
            say(range(20, 30))
        say(range(30, 40))
        await so("each key's forty are counted", lambda: counted() == {"P0", "P1"})
    for found in [*first.found, *second.found]:
        if found.rule == "often":
            offsets = [one.offset for one in found.readings]
            assert len({*offsets}) == 40
            assert offsets == sorted(offsets)


async def test_a_topic_that_was_made_anew_is_refused_with_a_sentence(
    kafka: Cluster, kafka_url: str, tmp_path: Path, sensor: Sensor
) -> None:
    outlet = Outlet()
    async with working(kafka_url, tmp_path, outlet) as running:
        await sensor.finds_its_topic()
        sensor.gale("A", "B")
        await so("both are found", lambda: outlet.keys() == {"A", "B"})
        await sensor.is_remembered()
    admin = AdminClient({"bootstrap.servers": kafka.servers})
    admin.delete_topics([sensor.topic])[sensor.topic].result()
    async with working(kafka_url, tmp_path, outlet) as running:
        await so("the feed is left out", lambda: "was made anew" in why(running, "feed weather"))
        assert running.failures.known["feed weather"].since == outlet.now()


async def test_readings_that_were_removed_before_they_were_taken_are_not_waited_for(
    kafka: Cluster, kafka_url: str, tmp_path: Path, sensor: Sensor
) -> None:
    async with working(kafka_url, tmp_path, Outlet(), SILENT):
        await sensor.finds_its_topic()
        sensor.gale("A")
        await sensor.is_remembered()
    sensor.gale("B")
    admin, everything = AdminClient({"bootstrap.servers": kafka.servers}), (sensor.topic, 0, -1)
    for removed in admin.delete_records([TopicPartition(*everything)]).values():
        removed.result(30)
    later = Outlet(clock=8000)
    async with working(kafka_url, tmp_path, later, SILENT) as running:
        await so("silence is told", lambda: later.keys("silent") == {"A"})
        await so("nothing is behind", lambda: running.behind() == 0)
        sensor.gale("C")
        await so("the next one is taken", lambda: running.feeds()["weather"].taken == 1)


async def test_readings_that_wait_are_few_and_none_of_them_is_lost(
    kafka_url: str, tmp_path: Path, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch is in hand, four wait, one waits for room; behind them lie many on the topic."""
    message, handed, more = Taking._to_message, list[int](), asyncio.Event()

    def handing(consumer: Any, tp: Any, record: Any) -> Any:
        if tp.topic == sensor.topic:
            handed.append(len(record))
            if len(handed) > 6:
                more.set()
        return message(consumer, tp, record)

    monkeypatch.setattr(Taking, "_to_message", handing)
    outlet = Outlet()
    outlet.open.clear()
    async with working(kafka_url, tmp_path, outlet) as running:
        await sensor.finds_its_topic()
        sensor.gale("A")
        await so("the first is in hand", lambda: outlet.waiting)
        sensor.says(*(reading("A", 1000, speed=1) for _ in range(20_000)))
        await so("others wait", lambda: len(handed) == 6)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(more.wait(), 2)
        outlet.open.set()
        await so("all are taken", lambda: running.feeds()["weather"].taken == 20_001)
    assert sum(handed) == 20_001
    assert max(handed) == 1000


async def test_what_faust_cancels_of_its_own_ends_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[SensorWorker] = []

    async def once(begins: SensorWorker) -> None:
        begun.append(begins)
        if len(begun) == 1:
            raise asyncio.CancelledError
        await asyncio.Event().wait()

    monkeypatch.setattr(worker, "_TRY_AGAIN", 0.0)
    monkeypatch.setattr(SensorWorker, "_once", once)
    async with working("kafka://nowhere", tmp_path, Outlet()):
        await so("it begins anew", lambda: len(begun) == 2)
