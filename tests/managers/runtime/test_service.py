"""What stops an owner, and what must not."""

import asyncio
from collections.abc import Sequence

from bus import Doubt, MemoryLog, Record
from managers.runtime import Service
from tests.managers.runtime.notes import (
    COMMANDS,
    EVENTS,
    NOTES,
    NOW,
    commits,
    declared,
    issue,
    surroundings,
)


class StoppedInDoubt(MemoryLog):
    """The owner is told to stop while it still clears away after a failed append."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        if self._told or topic == COMMANDS or not records[0].value:
            return await super().append(topic, partition, records)
        self._told, owner = True, asyncio.current_task()
        assert owner
        asyncio.get_running_loop().call_soon(owner.cancel)
        raise Doubt("the connection was lost")


async def test_an_owner_that_is_stopped_while_it_fails_stays_stopped() -> None:
    log = await declared(StoppedInDoubt())
    await issue(log, "anything")
    owner = asyncio.create_task(Service(NOTES, surroundings(log))._own(0))
    await asyncio.wait({owner}, timeout=1)
    assert owner.cancelled()


async def test_a_commit_that_cannot_be_read_stops_the_partition_loudly() -> None:
    log = await declared(MemoryLog())
    await log.append(EVENTS, 0, [Record("", b"", {"takeover": "n"})])
    await log.append(EVENTS, 0, [Record("key", b"{}", {"epoch": "0", "sequence": "0"})])
    service = Service(NOTES, surroundings(log))
    async with asyncio.timeout(1):
        await service._own(0)
    assert "cannot read the commit at 1" in service.broken[0]


async def test_a_command_from_the_future_is_refused_and_the_next_one_is_decided() -> None:
    log = await declared(MemoryLog())
    late = await issue(log, "from the future", at=NOW + 3600)
    good = await issue(log, "from now")
    owner = asyncio.create_task(Service(NOTES, surroundings(log))._own(0))
    async with asyncio.timeout(1):
        while len(decided := await commits(log)) < 2:
            await log.wait(EVENTS, 0, (await log.bounds(EVENTS, 0))[1])
    owner.cancel()
    assert [commit.id for commit in decided] == [late, good]
    assert decided[0].rejection
    assert "check the clocks" in decided[0].rejection.reason
    assert decided[1].events
