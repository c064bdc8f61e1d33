"""How a partition pulls: commands from outside, and messages out of other managers' events."""

from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID, uuid5

import structlog

from bus import Doubt, Position, Stored, partition_of, verify
from events.envelope import (
    Cursor,
    commands_topic,
    decode,
    decode_issued,
    events_topic,
    targets,
)
from events.values import SYSTEM, Context
from managers.runtime.about import about
from managers.runtime.inbox import Inbox, Item
from managers.runtime.surroundings import Surroundings

COMMANDS = "commands"
"""The name of the source that is the partition's own commands topic."""

SKIPPED = 10_000
"""Commits of a source that were for others, after which it is recorded that they were read."""

_NAMES = UUID("6f1c9c5e-44b4-5f5b-9d0e-2d3c3f1f4a10")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NothingForUs:
    """A source was read further and held nothing for this partition: only the cursor moves."""


def source_name(context: Context, partition: int) -> str:
    return f"{context}/{partition}"


async def pull_commands(
    around: Surroundings, context: Context, partition: int, start: Cursor, inbox: Inbox
) -> NoReturn:
    """Put every command issued to this partition from `start` on into the inbox.

    Raises `Doubt` where commands are gone: only who decided them forgets them, and we did not.
    """
    topic, offset = commands_topic(context), start.offset
    first, woken_for_nothing = offset, False
    while True:
        records = await around.log.read(topic, partition, offset)
        if records:
            first = records[0].offset
        elif woken_for_nothing:
            first, _ = await around.log.bounds(topic, partition)
        woken_for_nothing = not records
        if first > offset:
            raise Doubt(f"{topic}/{partition}: somebody else took the commands from {offset} on")
        for stored in records:
            offset = stored.offset + 1
            await inbox.room()
            inbox.put(_issued(around, context, partition, stored))
        inbox.read[COMMANDS] = offset
        if not records:
            await around.log.wait(topic, partition, offset)


def _issued(around: Surroundings, context: Context, partition: int, stored: Stored) -> Item:
    cursor = Cursor(source=COMMANDS, offset=stored.offset + 1)
    cause = f"{context}.{COMMANDS}/{partition}/{stored.offset}"
    key = stored.record.key
    try:
        issued = decode_issued(stored.record)
    except ValueError as error:
        ids = about(key if context.keyed_by_incident else None, cause)
        _log.error("command is malformed", error=str(error), **ids)
        nobody = uuid5(_NAMES, cause)
        return Item(key, error, nobody, cause, nobody, "unknown", cursor=cursor)
    around.clock.follow(issued.time)
    whose = (issued.correlation, issued.actor, issued.incident)
    return Item(key, issued.command, issued.id, cause, *whose, cursor=cursor)


async def pull_messages(
    around: Surroundings,
    source: tuple[Context, int],
    target: tuple[Context, int],
    start: Cursor,
    inbox: Inbox,
) -> NoReturn:
    """Put what `source` sent to `target` from `start` on into the inbox.

    Raises `LogReplaced` where the source's log is not the one that was read to `start`.
    """
    topic, position = events_topic(source[0]), start.position
    await verify(around.log, topic, source[1], position)
    partitions = await around.log.partitions(events_topic(target[0]))
    recorded = position.offset
    while True:
        records = await around.log.read(topic, source[1], position.offset)
        for stored in records:
            before = position
            position, counts = before.after(stored)
            if counts and _addressed(stored, target, partitions):
                taken = start.taken if stored.offset == start.offset else 0
                for item in _messages(around, source, target, partitions, stored, before)[taken:]:
                    await inbox.room()
                    inbox.put(item)
                recorded = position.offset
        inbox.read[source_name(*source)] = position.offset
        if position.offset - recorded >= SKIPPED:
            recorded = position.offset
            await inbox.room()
            inbox.put(_skipped(source, position))
        if not records:
            await around.log.wait(topic, source[1], position.offset)


def _skipped(source: tuple[Context, int], position: Position) -> Item:
    cause = f"{source_name(*source)}/{position.offset}"
    nobody = uuid5(_NAMES, cause)
    cursor = Cursor.at(source_name(*source), position)
    return Item("", NothingForUs(), nobody, cause, nobody, SYSTEM, cursor=cursor)


def _addressed(stored: Stored, target: tuple[Context, int], partitions: int) -> bool:
    return any(
        context == target[0] and partition_of(key, partitions) == target[1]
        for context, key in targets(stored.record)
    )


def _messages(
    around: Surroundings,
    source: tuple[Context, int],
    target: tuple[Context, int],
    partitions: int,
    stored: Stored,
    before: Position,
) -> list[Item]:
    """One item each; the cursor moves behind the record with the last of them."""
    commit = decode(stored.record)
    around.clock.follow(commit.time)
    cause = f"{source_name(*source)}/{stored.offset}"
    mine = [
        message
        for message in commit.messages
        if message.context == target[0] and partition_of(message.key, partitions) == target[1]
    ]
    after, _ = before.after(stored)
    name = source_name(*source)
    return [
        Item(
            message.key,
            message.command,
            uuid5(_NAMES, f"{cause}/{target[0]}/{target[1]}/{index}"),
            cause,
            commit.correlation,
            commit.actor,
            commit.incident,
            Cursor.at(name, before, taken=index) if index < len(mine) else Cursor.at(name, after),
        )
        for index, message in enumerate(mine, start=1)
    ]
