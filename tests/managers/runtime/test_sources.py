"""What an owner does about inputs that it cannot have."""

import asyncio

import pytest

from bus import Doubt, MemoryLog
from events.envelope import Cursor
from events.values import Context
from managers.runtime.inbox import Inbox
from managers.runtime.sources import COMMANDS as SOURCE
from managers.runtime.sources import pull_commands
from tests.managers.runtime.notes import COMMANDS, declared, issue, surroundings


class Yielding(MemoryLog):
    """Lets others run, so that a deadline can end a reader that never waits."""

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        await asyncio.sleep(0)
        await super().wait(topic, partition, offset)


@pytest.mark.parametrize("trimmed", [1, 2])
async def test_commands_that_another_owner_took_and_forgot_are_a_reason_for_doubt(
    trimmed: int,
) -> None:
    log = await declared(Yielding())
    await issue(log, "one")
    await issue(log, "two")
    await log.trim(COMMANDS, 0, trimmed)
    start = Cursor(source=SOURCE, offset=0)
    with pytest.raises(Doubt, match="somebody else took the commands"):
        async with asyncio.timeout(1):
            await pull_commands(surroundings(log), Context.INCIDENTS, 0, start, Inbox())
