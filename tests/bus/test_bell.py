"""The bell of a log on Kafka, without brokers."""

import asyncio
from typing import Any, cast

from bus.kafka.bell import Bell

PLACE = ("topic", 0)


class NoBrokers:
    """Connections, the client of them and its cluster: who asks anew is cancelled meanwhile."""

    ringing: asyncio.Task[Any] | None = None

    @property
    def cluster(self) -> "NoBrokers":
        return self

    async def client(self) -> "NoBrokers":
        return self

    def brokers(self) -> list[object]:
        return []

    def leader_for_partition(self, place: object) -> None:
        return None

    async def bounds(self, place: object) -> tuple[int, int]:
        return 0, 1

    async def refresh(self, client: object) -> bool:
        if self.ringing and not self.ringing.cancelling():
            self.ringing.cancel()
        return False


async def test_a_bell_that_is_cancelled_while_it_fails_ends() -> None:
    nobody = NoBrokers()
    bell = Bell(cast(Any, nobody), cast(Any, nobody))
    await bell.until_beyond(PLACE, -1)
    nobody.ringing = ringing = asyncio.create_task(bell.run())
    await asyncio.wait([ringing], timeout=10)
    assert ringing.cancelled()
