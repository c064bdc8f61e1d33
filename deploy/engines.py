"""Which engine of the log a URL names."""

import logging

from bus import Log
from bus.postgres import PostgresLog


async def open_log(url: str, lease: float = 6.0) -> Log:
    """The log behind a `kafka://` or `postgresql://` URL; `lease` as in `Settings`.

    Raises `bus.LogError`, `bus.LogUnavailable`.
    """
    if not url.startswith("kafka:"):
        return await PostgresLog.connect(url, lease=lease)
    # Only here: it takes as long to import as all the rest of the log.
    from bus.kafka import KafkaLog

    # It calls each attempt that fails an error; what comes of them the engine says itself.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return await KafkaLog.connect(url, lease=lease)
