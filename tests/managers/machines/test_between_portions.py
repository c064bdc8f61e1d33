"""What is decided in portions goes on where it was, whoever owns the partition by then."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from bus import Doubt, MemoryLog, Record
from bus.clock import timestamp
from events import machines as e
from events.envelope import Issued, commands_topic, decode, encode_issued, events_topic
from events.values import Context
from managers.runtime import Service
from tests.managers.machines.test_machines import MANAGER, add, choose, see
from tests.managers.runtime.notes import NOW, surroundings
from tests.patience import PATIENCE

EVENTS, COMMANDS = events_topic(Context.MACHINES), commands_topic(Context.MACHINES)
MANY = [UUID(int=number) for number in range(1, 401)]


class Doubtful(MemoryLog):
    """Every other decision that places something is lost; of the rest, every other is in doubt."""

    def __init__(self) -> None:
        super().__init__()
        self.placing = 0

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        if topic == COMMANDS or b"MachineChosen" not in b"".join(one.value for one in records):
            return await super().append(topic, partition, records)
        self.placing += 1
        if self.placing % 2:
            raise Doubt("the connection was lost")
        offset = await super().append(topic, partition, records)
        if self.placing % 4:
            raise Doubt("the connection was lost behind it")
        return offset


async def test_each_is_placed_once_though_owners_end_between_portions() -> None:
    log = Doubtful()
    for context in (Context.MACHINES, *MANAGER.sources):
        await log.declare(events_topic(context), 1)
    await log.declare(COMMANDS, 1)
    wanted = [add("m", nodes=8), *map(choose, MANY), see("m"), e.EnableMachine(name="m")]
    for number, command in enumerate(wanted):
        id = UUID(int=number)
        issued = Issued(id=id, time=timestamp(NOW), actor="test", correlation=id, command=command)
        await log.append(COMMANDS, 0, [encode_issued(e.FLEET, issued)])
    owner = asyncio.create_task(Service(MANAGER, surroundings(log))._own(0))
    try:
        async with asyncio.timeout(PATIENCE):
            while len(placed := await chosen(log)) < len(MANY):
                await log.wait(EVENTS, 0, (await log.bounds(EVENTS, 0))[1])
    finally:
        owner.cancel()
    assert placed == MANY
    assert log.placing > 8


async def chosen(log: MemoryLog) -> list[UUID]:
    """What was placed so far."""
    commits = [decode(one.record) for one in await log.read(EVENTS, 0, 0) if one.record.value]
    events = [event for commit in commits for event in commit.events]
    return [event.simulation for event in events if isinstance(event, e.MachineChosen)]
