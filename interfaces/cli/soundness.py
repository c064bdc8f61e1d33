"""Whether the log is what its rules promise, and the one that readers have read."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from bus import Log, LogReplaced, Stored, verify
from bus.epochs import TAKEOVER
from events.envelope import commands_topic, decode, events_topic
from events.values import Context
from interfaces.cli.records import UNREADABLE, records
from managers.runtime.sources import COMMANDS
from projections.positions import Mark, Source


@dataclass
class Soundness:
    """What was found in one partition of a context's events."""

    context: Context
    partition: int
    records: int = 0
    takeovers: int = 0
    count: int = 0
    """Commits that count."""
    dead: int = 0
    """Commits of a process that had lost the partition."""
    problems: list[str] = field(default_factory=list)


async def examine(log: Log, marks: Mapping[str, Mapping[Source, Mark]]) -> AsyncIterator[Soundness]:
    """Every partition of every context's events; `marks` is how far projections have read."""
    for context in Context:
        topic = events_topic(context)
        for partition in range(await log.partitions(topic)):
            found = Soundness(context, partition)
            taken = await _read(log, found)
            _, end = await log.bounds(commands := commands_topic(context), partition)
            if taken > end:
                found.problems.append(
                    f"{commands}/{partition} ends at {end}, but {taken} records of it were read:"
                    " fill it up"
                )
            for projection, of_one in marks.items():
                if (mark := of_one.get((context, partition))) is not None:
                    try:
                        await verify(log, topic, partition, mark.position)
                    except LogReplaced as error:
                        found.problems.append(f"projection {projection}: {error}")
            yield found


async def _read(log: Log, found: Soundness) -> int:
    """Up to where commands were taken."""
    cursors: dict[str, tuple[int, int]] = {}
    async for stored, _, counts in records(log, found.context, found.partition):
        place = f"{found.context}/{found.partition}/{stored.offset}"
        if stored.offset != found.records:
            found.problems.append(f"{place}: {found.records} was expected next")
        found.records = stored.offset + 1
        if TAKEOVER in stored.record.headers:
            found.takeovers += 1
        elif not counts:
            found.dead += 1
        else:
            found.count += 1
            found.problems += _problems(stored, cursors, place)
    return cursors.get(COMMANDS, (0, 0))[0]


def _problems(stored: Stored, cursors: dict[str, tuple[int, int]], place: str) -> Iterator[str]:
    """Of a commit that counts: everybody can read it, and its decider read no source twice."""
    try:
        cursor = decode(stored.record).cursor
    except UNREADABLE as error:
        yield f"{place} cannot be read: {error}"
        return
    if cursor is not None:
        before = cursors.get(cursor.source, (0, 0))
        cursors[cursor.source] = now = (cursor.offset, cursor.taken)
        if now < before:
            yield f"{place}: {cursor.source} was read again from {now[0]}"
