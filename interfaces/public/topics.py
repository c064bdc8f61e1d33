"""The public topic: one that outsiders read, and whose records go by age."""

from bus.contract import PartitionsChanged
from bus.kafka.address import Address
from bus.kafka.shared_topics import shared_topics
from bus.kafka.topics import DATED
from interfaces.public.cloud_events import LARGEST, TOPIC, retention_ms


async def make_topic(url: str, partitions: int, days: float) -> None:
    """Make it where it is missing; whoever made it says how long it is kept.

    Raises `PartitionsChanged` where an incident's events would lie elsewhere than its others do,
    `TopicUnfit` where events would be left out.
    """
    address = Address.parse(url)
    topic = address.prefix + TOPIC
    async with shared_topics(address) as topics:
        needed = {"cleanup.policy": "delete", "max.message.bytes": str(LARGEST)}
        wished = {
            "retention.ms": str(retention_ms(days)),
            "compression.type": "producer",
            **DATED,
            "min.insync.replicas": str(max(1, topics.copies - 1)),
        }
        found = await topics.make(topic, partitions, needed, wished)
    if found != partitions:
        raise PartitionsChanged(
            f"topic {topic} has {found} partitions, where the log has {partitions}: delete it, and"
            " what is published from now on lies where it should"
        )
