"""The topics that Faust must find: it ignores, for ever, one that is made after it has started."""

from collections.abc import Mapping

from bus.contract import LogError
from bus.kafka.address import Address
from bus.kafka.shared_topics import SharedTopics, shared_topics
from interfaces.sensors.delivery import PARKED_TOPIC
from interfaces.sensors.feeds import PREFIX, Feeds, milliseconds

GROUP = "vestec.sensors"
"""Of the workers that share the partitions; what they remember is in its changelogs."""

_PARKED_FOR = 30 * 86400.0


def memory_table(feed: str) -> str:
    """The name of the table of what is remembered for a feed."""
    return f"{feed}.memory"


def changelog(address: Address, feed: str) -> str:
    """The name that Faust gives to that table's topic."""
    return f"{address.prefix}{GROUP}-{memory_table(feed)}-changelog"


async def make_topics(address: Address, feeds: Feeds) -> Mapping[str, int]:
    """Make what is missing; how many partitions each feed's topic has.

    A topic that its sensors' owner made is taken as it is. Raises `LogError` where that cannot be.
    """
    async with shared_topics(address) as topics:
        parked = address.prefix + PARKED_TOPIC
        await topics.make(parked, 1, {"cleanup.policy": "delete"}, _kept_for(_PARKED_FOR))
        found = {}
        for name, feed in feeds.items():
            topic = address.prefix + PREFIX + name
            count = await topics.make(topic, feed.partitions, {}, _kept_for(feed.retention))
            await _make_changelog(topics, changelog(address, name), topic, count)
            found[name] = count
        return found


def _kept_for(seconds: float) -> Mapping[str, str]:
    return {"retention.ms": str(milliseconds(seconds))}


async def _make_changelog(topics: SharedTopics, name: str, source: str, partitions: int) -> None:
    found = await topics.make(name, partitions, {"cleanup.policy": "compact"})
    if found != partitions:
        raise LogError(
            f"topic {source} has {partitions} partitions now, and {found} when its feed began: what"
            f" is remembered of its keys lies elsewhere. Delete {name} to begin anew"
        )
