"""Whether the feeds' topics are still what they were when a worker began.

Faust notices a partition that is added after minutes, and ignores for ever a topic that was away
for a moment while partitions were given out.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import NoReturn

from bus.contract import LogError, LogUnavailable, UnknownTopic
from bus.kafka.address import Address
from bus.kafka.connections import Connections, TopicPartition
from bus.kafka.readers import Reader
from bus.kafka.topics import Topics

_LOOK_EVERY = 2.0
_CONFIRMED_AFTER = 1.0
_ANSWERED_WITHIN = 10.0


async def watch(address: Address, partitions: Mapping[str, int]) -> NoReturn:
    """Look at topics that have so many partitions, also while brokers are away, until cancelled.

    Raises `LogError` where one is gone, was made anew, or has another number of partitions.
    """
    connections = Connections(address, _ANSWERED_WITHIN)
    ends = dict[TopicPartition, int]()
    try:
        while True:
            with suppress(LogUnavailable):
                if await _altered(address, connections, partitions, ends):
                    # A broker that knows less than others is asked once more.
                    await asyncio.sleep(_CONFIRMED_AFTER)
                    if why := await _altered(address, connections, partitions, ends):
                        raise LogError(why)
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        await connections.close()


async def _altered(
    address: Address,
    connections: Connections,
    partitions: Mapping[str, int],
    ends: dict[TopicPartition, int],
) -> str:
    """How a topic is another one than it was; `ends` are those of the last time. Empty: none is."""
    reader = Reader(connections)
    for topic, count in partitions.items():
        try:
            found = await Topics(connections, address).partitions(topic)
        except UnknownTopic as gone:
            return str(gone)
        if found != count:
            return f"topic {topic} has {found} partitions now, and had {count}"
        places = [(topic, partition) for partition in range(count)]
        bounds = await asyncio.gather(*map(reader.bounds, places))
        for place, (_, end) in zip(places, bounds, strict=True):
            if end < ends.get(place, 0):
                return f"topic {topic} ended at {ends[place]}, and now at {end}"
            ends[place] = end
    return ""
