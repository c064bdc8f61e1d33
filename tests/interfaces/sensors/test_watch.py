"""A feed's topic that is altered under running workers: they say so."""

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from deploy.kafka import Cluster
from interfaces.sensors import worker
from tests.brokers import kafka, kafka_url
from tests.interfaces.sensors.test_losses import FEEDS, Outlet, Sensor, so, why, working

__all__ = ["kafka", "kafka_url"]


def grow(admin: AdminClient, topic: str) -> None:
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(30)


def delete(admin: AdminClient, topic: str) -> None:
    admin.delete_topics([topic])[topic].result(30)


@pytest.mark.parametrize(
    ("alter", "reason"), [(grow, "has 3 partitions now"), (delete, "was made anew")]
)
async def test_a_topic_that_is_altered_under_a_running_worker_is_told(
    kafka: Cluster,
    kafka_url: str,
    tmp_path: Path,
    alter: Callable[[AdminClient, str], None],
    reason: str,
) -> None:
    sensor, outlet = Sensor(kafka.servers, kafka_url), Outlet()
    async with working(kafka_url, tmp_path, outlet) as running:
        await sensor.finds_its_topic()
        sensor.gale("A")
        await so("it is found", lambda: outlet.keys() == {"A"})
        await sensor.is_remembered()
        admin = AdminClient({"bootstrap.servers": kafka.servers})
        alter(admin, sensor.topic)
        await so("it is told", lambda: reason in why(running, "feed weather"))


@pytest.mark.parametrize("alter", [grow, delete])
async def test_a_feed_that_is_left_out_keeps_no_other_waiting_and_is_taken_again_once_mended(
    kafka: Cluster,
    kafka_url: str,
    tmp_path: Path,
    alter: Callable[[AdminClient, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "_LOOK_EVERY", 0.5)
    sensor, other = Sensor(kafka.servers, kafka_url), Sensor(kafka.servers, kafka_url, "other")
    outlet, admin = Outlet(), AdminClient({"bootstrap.servers": kafka.servers})
    feeds = {**FEEDS, "other": FEEDS["weather"]}
    async with working(kafka_url, tmp_path, outlet, feeds) as running:
        await sensor.finds_its_topic()
        sensor.gale("A")
        await so("it is found", lambda: outlet.keys() == {"A"})
        await sensor.is_remembered()
        alter(admin, sensor.topic)
        await so("the feed is left out", lambda: "elete" in why(running, "feed weather"))
        other.gale("B")
        await so("the other feed is taken", lambda: outlet.keys() == {"A", "B"})
        delete(admin, sensor.changelog)
        sensor.gale("C")
        await so("it is taken again", lambda: outlet.keys() == {"A", "B", "C"})
        await so("nothing fails any more", lambda: not running.failures.known)


async def test_all_workers_take_a_feed_again_that_was_mended(
    kafka: Cluster, kafka_url: str, tmp_path: Path
) -> None:
    sensor, outlet = Sensor(kafka.servers, kafka_url), Outlet()
    admin = AdminClient({"bootstrap.servers": kafka.servers})
    async with working(kafka_url, tmp_path / "1", outlet) as one:
        async with working(kafka_url, tmp_path / "2", outlet) as two:
            await so("they share it", lambda: len(one.owned) == len(two.owned) == 1)
            sensor.gale("A")
            await so("it is found", lambda: outlet.keys() == {"A"})
            await sensor.is_remembered()
            delete(admin, sensor.topic)

            def both_leave_it_out() -> bool:
                return all("was made anew" in why(each, "feed weather") for each in (one, two))

            await so("both leave it out", both_leave_it_out)
            delete(admin, sensor.changelog)
            await so("both take it again", lambda: len(one.owned) == len(two.owned) == 1)
        sensor.gale("B")
        await so("who is left takes it", lambda: outlet.keys() == {"A", "B"})
