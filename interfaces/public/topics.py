"""The public topic: one that outsiders read, and whose records go by age."""

import structlog

from bus.contract import PartitionsChanged
from bus.kafka.address import Address
from bus.kafka.batches import LARGEST_BATCH
from bus.kafka.shared_topics import shared_topics
from interfaces.public.cloud_events import TOPIC, retention_ms

_log = structlog.get_logger()


async def make_topic(url: str, partitions: int, days: float) -> None:
    """Make it where it is missing; whoever made it says how long it is kept.

    Raises `PartitionsChanged` where an incident's events would lie elsewhere than its others do.
    """
    address = Address.parse(url)
    topic, wanted = address.prefix + TOPIC, str(retention_ms(days))
    async with shared_topics(address) as topics:
        configuration = {
            "retention.ms": wanted,
            "max.message.bytes": str(LARGEST_BATCH),
            "min.insync.replicas": str(max(1, topics.copies - 1)),
        }
        found = await topics.make(topic, partitions, configuration)
        kept = await topics.configured(topic, "retention.ms")
    if found != partitions:
        raise PartitionsChanged(
            f"topic {topic} has {found} partitions, where the log has {partitions}: delete it, and"
            " what is published from now on lies where it should"
        )
    if kept != wanted:
        _log.warning(
            "public topic is kept as it was made", topic=topic, retention_ms=kept, wanted=wanted
        )
