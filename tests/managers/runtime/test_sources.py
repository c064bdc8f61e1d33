"""What an owner does about inputs that it cannot have."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from bus import Doubt, LogReplaced, MemoryLog, Position, Writer
from bus.clock import timestamp
from events.envelope import Commit, Cursor, Message, encode, events_topic
from events.incidents import TakeNote
from events.values import Context, Note
from managers.runtime import Service
from managers.runtime.inbox import Inbox
from managers.runtime.sources import COMMANDS as SOURCE
from managers.runtime.sources import pull_commands, pull_messages, source_name
from tests.managers.runtime.notes import COMMANDS, EVENTS, NOTES, NOW, declared, issue, surroundings
from tests.patience import PATIENCE


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
        async with asyncio.timeout(PATIENCE):
            await pull_commands(surroundings(log), Context.INCIDENTS, 0, start, Inbox())


# A source whose log was replaced behind our back.

ENDPOINTS = events_topic(Context.ENDPOINTS)
FROM, TO = (Context.ENDPOINTS, 0), (Context.INCIDENTS, 0)
NAME = source_name(*FROM)
LISTENING = replace(NOTES, sources=(Context.ENDPOINTS,))


async def source(nonce: str, notes: int) -> tuple[MemoryLog, Position]:
    """A log with that many messages of endpoints for an incident, and the position behind them."""
    log = await declared(Yielding())
    await log.declare(ENDPOINTS, 1)
    writer = await Writer.take_over(log, ENDPOINTS, 0, nonce)
    for number in range(notes):
        told = TakeNote(note=Note(text=f"note {number}"))
        message = Message(context=Context.INCIDENTS, key="key", command=told)
        await writer.append([encode(_commit(messages=(message,)))])
    return log, writer.position


def _commit(**more: object) -> Commit:
    id = UUID(int=0)
    fixed = {"id": id, "time": timestamp(NOW), "key": "key", "cause": "test", "actor": "test"}
    return Commit.model_validate({**fixed, "correlation": id, **more})


async def test_messages_are_pulled_from_where_they_were_read_to() -> None:
    log, read = await source("first", 2)
    inbox = Inbox()
    start = Cursor.at(NAME, replace(read, offset=read.offset - 1, sequence=read.sequence - 1))
    puller = asyncio.create_task(pull_messages(surroundings(log), FROM, TO, start, inbox))
    async with asyncio.timeout(PATIENCE):
        (item,) = await inbox.take(10)
    puller.cancel()
    assert item.cursor == Cursor.at(NAME, read)


@pytest.mark.parametrize(
    ("nonce", "notes", "why"), [("first", 1, "lost its tail"), ("second", 2, "another takeover")]
)
async def test_a_replaced_source_stops_the_partition_loudly(
    nonce: str, notes: int, why: str
) -> None:
    _, read = await source("first", 2)
    log, _ = await source(nonce, notes)
    start = Cursor.at(NAME, read)
    with pytest.raises(LogReplaced, match=why):
        await asyncio.wait_for(pull_messages(surroundings(log), FROM, TO, start, Inbox()), 1)
    owner = await Writer.take_over(log, EVENTS, 0, "ours")
    await owner.append([encode(_commit(cursor=start))])
    service = Service(LISTENING, surroundings(log))
    async with asyncio.timeout(PATIENCE):
        await service._own(0)
    assert why in service.broken[0]
