"""Brokers are stopped, or die, while each part is a process of its own."""

import asyncio
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from bus import partition_of
from deploy.kafka import Cluster, KafkaMissing, running_cluster
from deploy.kafka.node import Node
from tests.chaos.parts import LONG, on_kafka, played
from tests.chaos.player import INCIDENT, Told
from tests.chaos.rig import eventually, jobs_started, rigged
from tests.without import must_have


async def test_the_broker_is_restarted(
    mortal_kafka: Cluster, database_url: str, undisturbed: Told
) -> None:
    """First in order, then as when its machine loses power."""
    (node,) = mortal_kafka.nodes
    environment = await on_kafka(mortal_kafka.url, database_url)
    with rigged(environment) as rig, played(rig, undisturbed) as (_, playing):
        for kill in (False, True):
            eventually("jobs run", jobs_started(rig, 3 if kill else 1))
            if kill:
                node.kill()
            else:
                await node.stop()
            assert not playing.ends(0), "it ended too soon to show anything"
            await asyncio.sleep(LONG)
            node.start()
            await mortal_kafka.ready()


async def test_the_leader_of_the_incidents_partition_dies(
    tmp_path: Path, database_url: str, undisturbed: Told
) -> None:
    """And with it that of others, and mostly the coordinator of a group; it stays away."""
    settings = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
    with must_have("Kafka", KafkaMissing):
        cluster = running_cluster(tmp_path, 3, settings=settings)
        running = await cluster.__aenter__()
    try:
        environment = await on_kafka(running.url, database_url)
        with rigged(environment) as rig, played(rig, undisturbed) as (_, playing):
            rig.hold.touch()
            eventually("jobs run", jobs_started(rig, 2))
            node = await leader(running, "vestec.incidents.events")
            node.kill()
            rig.hold.unlink()
            assert not playing.ends(0), "it ended too soon to show anything"
    finally:
        await cluster.__aexit__(None, None, None)


async def leader(cluster: Cluster, topic: str) -> Node:
    """The broker that leads the drill's partition."""
    operator = AIOKafkaAdminClient(bootstrap_servers=cluster.servers)
    await operator.start()
    try:
        (found,) = await operator.describe_topics([topic])
    finally:
        await operator.close()
    wanted = partition_of(INCIDENT, len(found["partitions"]))
    (id,) = [part["leader"] for part in found["partitions"] if part["partition"] == wanted]
    node: Node = cluster.nodes[id - 1]
    return node
