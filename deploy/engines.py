"""Which engine of the log a URL names."""

import logging

from bus import Log
from bus.postgres import PostgresLog


def is_kafka(url: str) -> bool:
    """Whether that log needs a PostgreSQL besides, for read models."""
    return url.startswith("kafka:")


async def open_log(
    url: str, *, connections: int = 10, deadline: float = 10.0, lease: float = 6.0
) -> Log:
    """The log behind a `kafka://` or `postgresql://` URL.

    `deadline` is how many seconds a call may take, `lease` after how many seconds a silent member
    of a group is replaced, `connections` how many a PostgreSQL is asked for at most.
    Raises `bus.LogError`, `bus.LogUnavailable`.
    """
    if not is_kafka(url):
        return await PostgresLog.connect(
            url, connections=connections, deadline=deadline, lease=lease
        )
    # Only here: it takes as long to import as all the rest of the log.
    from bus.kafka import KafkaLog

    # It calls each attempt that fails an error; what comes of them the engine says itself.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return await KafkaLog.connect(url, deadline=deadline, lease=lease)
