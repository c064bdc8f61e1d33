"""A feed's topic that is altered under running workers: they say so."""

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from deploy.kafka import Cluster
from tests.brokers import kafka, kafka_url
from tests.interfaces.sensors.test_losses import Outlet, Sensor, so, why, working

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
        await so("it is told", lambda: reason in why(running))
