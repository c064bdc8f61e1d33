"""Writers that append until the server is gone, and what may be found of them then."""

import asyncio
from typing import Any

from bus import Doubt, Log, LogUnavailable, Record

PARTITIONS = range(4)


class Racing:
    """One writer a partition of the topic `t`."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.kept: list[list[Record]] = [[] for _ in PARTITIONS]
        """What was acknowledged."""
        self._doubtful: list[list[Record]] = [[] for _ in PARTITIONS]
        self._under_way = asyncio.Semaphore(0)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        for partition in PARTITIONS:
            tasks.create_task(self._write(partition))

    async def under_way(self) -> None:
        """Return when each of them has appended for a while."""
        for _ in PARTITIONS:
            await self._under_way.acquire()

    def may_be(self, partition: int) -> tuple[list[Record], list[Record]]:
        """What the partition may hold: without the append in doubt, or with all of it."""
        kept = self.kept[partition]
        return kept, kept + self._doubtful[partition]

    async def _write(self, partition: int) -> None:
        for number in range(100_000):
            records = [Record(f"{number}", b"%d" % n) for n in range(5)]
            try:
                assert await self._log.append("t", partition, records) == len(self.kept[partition])
                self.kept[partition].extend(records)
            except (Doubt, LogUnavailable) as error:
                self._doubtful[partition] = records if isinstance(error, Doubt) else []
                return
            if number == 20:
                self._under_way.release()

    def waiting(self) -> list["asyncio.Task[Any]"]:
        """For what will be appended behind all that may be there."""
        return [
            asyncio.create_task(self._log.wait("t", n, len(self.kept[n]) + 5)) for n in PARTITIONS
        ]
