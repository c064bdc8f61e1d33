"""A key that was not heard for long is forgotten, when that alters nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from deploy.kafka import Cluster
from interfaces.sensors.memories import Memories
from interfaces.sensors.readings import Reading
from interfaces.sensors.rules import Source, moments, silences
from tests.brokers import kafka, kafka_url
from tests.interfaces.sensors.conftest import until
from tests.interfaces.sensors.test_losses import Outlet, Sensor, so, working
from tests.interfaces.sensors.test_rules import ALL, SAID, SILENCE, fold, readings, source

__all__ = ["kafka", "kafka_url"]

DAY = 86_400_000
SOON = Source(ALL.name, ALL.topic, ALL.feed.model_copy(update={"forget": 0.001}))


def heard(said: Sequence[Reading], delay: int) -> list[Reading]:
    """Readings that came so many ms after their times, or later: in order."""
    came, now = list[Reading](), 1
    for one in said:
        now = max(now, one.time + delay)
        came.append(one._replace(heard=now))
    return came


@given(SAID, SAID, st.integers(-10_000, 10**9))
def test_what_comes_after_a_key_was_forgotten_is_found_as_if_it_had_not_been(
    said: Sequence[Reading], later: Sequence[Reading], delay: int
) -> None:
    state, _ = fold(SOON, heard(said, delay))
    if state is None:
        return
    forgotten = moments(SOON.feed)[-1](state)
    assert forgotten is not None
    state, _ = silences(SOON, "a", 0, state, forgotten)
    comes = state.newest.time + forgotten - state.heard
    again = [one._replace(time=comes + one.time, offset=99 + one.offset) for one in later]
    assert fold(SOON, again, state)[1] == fold(SOON, again, None)[1]


def test_a_key_is_remembered_for_a_day_and_until_its_windows_are_over_and_its_silence_is_told() -> (
    None
):
    def forgotten(rule: str, told: bool = False) -> int | None:
        of = source(rule)
        (said,) = heard(readings((1000, 11)), 5_000)
        state, _ = fold(of, [said])
        assert state is not None
        if told:
            state, _ = silences(of, "a", 0, state, 10**12)
        return moments(of.feed)[-1](state)

    now, week = 1_005_000, 'when = "{}"\nvalue = "v"\n{}window = {{ size = 604800 }}'
    assert forgotten('when = "count"\nat_least = 2\nwindow = { size = 60 }') == now + DAY
    open_window = forgotten(week.format("change", "by = 1\n"))
    assert open_window == now + 7 * DAY - 1_000_000 + 20_000
    assert forgotten(week.format("threshold", "above = 10\n")) == open_window
    silent = SILENCE.replace("60", "200000")
    assert forgotten(silent) == now + 200_000_000 + 1
    assert forgotten(silent, told=True) == now + 200_000_000 + 20_000


def test_an_old_state_that_is_written_after_its_key_was_forgotten_tells_nothing_new() -> None:
    """Kafka has dropped that it was: a worker was stopped for days with the state in hand."""
    of = source(SILENCE)
    said = heard(readings((0, 1), (30, 1), (200, 1)), 0)
    ends = list[int]()
    for count in (1, 2, 3):
        state, found = fold(of, said[:count])
        assert state is not None
        again, by_clock = silences(of, "a", 0, state, 10 * DAY)
        ends += [one.number for one in [*found, *by_clock]]
        memories = Memories(of.feed, {})
        memories.keep(0, {"a": again}, 3)
        assert [*memories.due(0, 10 * DAY, 10)] == ["a"]
    assert max(ends) == ends[-1]


def test_a_key_that_an_older_version_wrote_is_remembered_for_a_day_from_now() -> None:
    of = source(SILENCE)
    state, _ = fold(of, readings((1, 1)))
    assert state is not None
    told, _ = silences(of, "a", 0, replace(state, heard=0), 10 * DAY)
    table = dict[bytes, bytes]()
    Memories(of.feed, table).keep(0, {"a": told}, 1)
    memories = Memories(
        of.feed, {name: one.replace(b',"heard":0', b"") for name, one in table.items()}
    )
    memories.settle({0})
    assert not memories.due(0, 20 * DAY, 10)
    assert memories.next(0) == 21 * DAY
    assert [*memories.due(0, 21 * DAY, 10)] == ["a"]


@dataclass
class Clocked(Outlet):
    """Whose time is ours."""

    time: float = 2000.0

    def now(self) -> float:
        return self.time


@dataclass
class Changelog:
    """What is written of partition 0, as another maker's consumer reads it."""

    servers: str
    topic: str

    async def says(self, name: bytes, far: int, *, forgotten: bool = False) -> None:
        """Return when the newest record of a key goes so far, and is such a one."""
        newest = dict[bytes | None, tuple[int, bool]]()

        async def so() -> bool:
            while (record := reader.poll(0)) is not None:
                value: Any = record.value()
                goes = int(
                    (value or dict[str, Any](record.headers() or ())["below"]).partition(b" ")[0]
                )
                if value is None:
                    assert newest[b"0"][0] >= goes
                newest[record.key()] = goes, value is None
            return newest.get(name) == (far, forgotten)

        settings = {"bootstrap.servers": self.servers, "group.id": "none"}
        reader = Consumer({**settings, "enable.auto.commit": False})
        reader.assign([TopicPartition(self.topic, 0, 0)])
        await until(f"{name!r} is written", so)
        reader.close()


@pytest.fixture
def sensor(kafka: Cluster, kafka_url: str) -> Sensor:
    return Sensor(kafka.servers, kafka_url)


async def test_a_key_that_was_not_heard_for_a_day_begins_anew_and_the_others_go_on(
    kafka: Cluster, kafka_url: str, tmp_path: Path, sensor: Sensor
) -> None:
    outlet, prefix = Clocked(), sensor.topic.rpartition(".")[0]
    changelog = Changelog(kafka.servers, f"{prefix}-weather.memory-changelog")

    def found() -> str:
        return "".join(one.key for one in outlet.found)

    async with working(kafka_url, tmp_path, outlet):
        await sensor.finds_its_topic()
        sensor.gale("A", "B")
        await changelog.says(b"0 A", 0)
        outlet.time += 86_400 - 1
        sensor.gale("B")
        await changelog.says(b"0 B", 2)
        outlet.time += 3600
        await changelog.says(b"0 A", 3, forgotten=True)
        sensor.gale("A", "B")
        await changelog.says(b"0 A", 3)
        assert found() == "ABA"
    async with working(kafka_url, tmp_path, outlet):
        sensor.gale("A", "B", "C")
        await so("the new one is found", lambda: found() == "ABAC")
        await changelog.says(b"0 C", 7)
        outlet.time += 90_000
        await changelog.says(b"0 A", 8, forgotten=True)
    async with working(kafka_url, tmp_path, outlet):
        sensor.gale("B", "A")
        await so("both are found anew", lambda: found() == "ABACBA")
