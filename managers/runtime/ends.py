"""Where partitions of the log end, as one look at a process finds them."""

import asyncio

from bus import Log
from bus.tasks import hear


class Ends:
    """Each is asked for once, however many want to know: managers read one another's events."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._asked: dict[tuple[str, int], asyncio.Task[tuple[int, int]]] = {}

    async def behind(self, topic: str, partition: int, offset: int) -> int:
        """How many records lie from `offset` on; raises `LogError`."""
        place = (topic, partition)
        if place not in self._asked:
            self._asked[place] = asyncio.create_task(self._log.bounds(*place))
            self._asked[place].add_done_callback(hear)  # who asked may not have waited for it
        _, end = await asyncio.shield(self._asked[place])
        return max(0, end - offset)
