"""The topics that Faust must find: it ignores, for ever, one that is made after it has started."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from bus.contract import LogError, LogUnavailable
from bus.kafka.address import Address
from interfaces.sensors.delivery import PARKED_TOPIC
from interfaces.sensors.feeds import PREFIX, Feeds, milliseconds

GROUP = "vestec.sensors"
"""Of the workers that share the partitions; what they remember is in its changelogs."""

_PARKED_FOR = 30 * 86400.0
_UNKNOWN = 3
"""The error code of a topic that there is not."""


def memory_table(feed: str) -> str:
    """The name of the table of what is remembered for a feed."""
    return f"{feed}.memory"


def changelog(address: Address, feed: str) -> str:
    """The name that Faust gives to that table's topic."""
    return f"{address.prefix}{GROUP}-{memory_table(feed)}-changelog"


@dataclass(frozen=True)
class _Wanted:
    partitions: int
    configuration: Mapping[str, str]


async def make_topics(address: Address, feeds: Feeds) -> Mapping[str, int]:
    """Make what is missing; how many partitions each feed's topic has.

    A topic that its sensors' owner made is taken as it is. Raises `LogError` where that cannot be.
    """
    admin = AIOKafkaAdminClient(**address.client)
    try:
        await admin.start()
        copies = address.copies(len((await admin.describe_cluster())["brokers"]))
        prefix = address.prefix
        await _make(admin, prefix + PARKED_TOPIC, _raw(1, _PARKED_FOR), copies)
        found = {}
        for name, feed in feeds.items():
            topic = prefix + PREFIX + name
            count = await _make(admin, topic, _raw(feed.partitions, feed.retention), copies)
            await _make_changelog(admin, changelog(address, name), topic, count, copies)
            found[name] = count
        return found
    except KafkaError as error:
        raise LogUnavailable(f"the topics of the sensor feeds cannot be made: {error}") from error
    finally:
        await admin.close()


def _raw(partitions: int, kept: float) -> _Wanted:
    return _Wanted(partitions, {"retention.ms": str(milliseconds(kept))})


async def _make_changelog(
    admin: AIOKafkaAdminClient, name: str, source: str, partitions: int, copies: int
) -> None:
    wanted = _Wanted(partitions, {"cleanup.policy": "compact"})
    if (found := await _make(admin, name, wanted, copies)) != partitions:
        raise LogError(
            f"topic {source} has {partitions} partitions now, and {found} when its feed began: what"
            f" is remembered of its keys lies elsewhere. Delete {name} to begin anew"
        )


async def _make(admin: AIOKafkaAdminClient, name: str, wanted: _Wanted, copies: int) -> int:
    """How many partitions it has."""
    (described,) = await admin.describe_topics([name])
    if described["error_code"] == _UNKNOWN:
        new = NewTopic(name, wanted.partitions, copies, topic_configs=dict(wanted.configuration))
        answer = await admin.create_topics([new])
        for _, code, *_ in answer.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)(f"topic {name}")
        return wanted.partitions
    return len(described["partitions"])
