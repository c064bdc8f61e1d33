"""The topics that Faust must find: it ignores, for ever, one that is made after it has started."""

from collections.abc import Collection, Mapping

from bus.contract import LogError
from bus.kafka.address import Address
from bus.kafka.shared_topics import SharedTopics, shared_topics
from bus.kafka.topics import DATED
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


async def make_topics(address: Address, feeds: Feeds) -> tuple[dict[str, int], dict[str, str]]:
    """Make what is missing; the partitions of each feed's topic, or why the feed cannot be taken.

    A topic that its sensors' owner made is taken as it is. Raises `LogUnavailable`.
    """
    async with shared_topics(address) as topics:
        parked = address.prefix + PARKED_TOPIC
        kept = {**_kept_for(_PARKED_FOR), **DATED}
        await topics.make(parked, 1, {"cleanup.policy": "delete"}, kept)
        fit, unfit = dict[str, int](), dict[str, str]()
        for name, feed in feeds.items():
            topic = address.prefix + PREFIX + name
            try:
                count = await topics.make(topic, feed.partitions, {}, _kept_for(feed.retention))
                await _make_changelog(topics, changelog(address, name), topic, count)
            except LogError as error:  # of one feed, of which the others know nothing
                unfit[name] = str(error)
            else:
                fit[name] = count
        return fit, unfit


async def forgotten(address: Address, feeds: Collection[str]) -> set[str]:
    """Those of the feeds whose changelog there is not any more. Raises `LogUnavailable`."""
    if not feeds:
        return set()
    async with shared_topics(address) as topics:
        there = await topics.partitions(changelog(address, feed) for feed in feeds)
        return {feed for feed in feeds if not there[changelog(address, feed)]}


def _kept_for(seconds: float) -> Mapping[str, str]:
    return {"retention.ms": str(milliseconds(seconds))}


async def _make_changelog(topics: SharedTopics, name: str, source: str, partitions: int) -> None:
    found = await topics.make(name, partitions, {"cleanup.policy": "compact"}, DATED)
    if found != partitions:
        raise LogError(
            f"topic {source} has {partitions} partitions now, and {found} when its feed began: what"
            f" is remembered of its keys lies elsewhere. Delete {name} to begin anew"
        )
