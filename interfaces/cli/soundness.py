"""Whether the log is what its rules promise, and the one that readers have read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from bus import Log, LogReplaced, verify
from bus.epochs import TAKEOVER
from events.envelope import Commit, decode, events_topic
from events.values import Context
from interfaces.cli.records import records
from projections import Pool
from projections.positions import load_all


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


async def examine(log: Log, pool: Pool) -> AsyncIterator[Soundness]:
    """Every partition of every context's events."""
    async with pool.acquire() as connection:
        marks = await load_all(connection)
    for context in Context:
        for partition in range(await log.partitions(events_topic(context))):
            found = Soundness(context, partition)
            await _read(log, found)
            for projection, of_one in marks.items():
                if (mark := of_one.get((context, partition))) is not None:
                    try:
                        await verify(log, events_topic(context), partition, mark.position)
                    except LogReplaced as error:
                        found.problems.append(f"projection {projection}: {error}")
            yield found


async def _read(log: Log, found: Soundness) -> None:
    cursors: dict[str, tuple[int, int]] = {}
    async for stored, _, counts in records(log, found.context, found.partition):
        place = f"{found.context}/{found.partition}/{stored.offset}"
        if stored.offset != found.records:
            found.problems.append(f"{place}: {found.records} was expected next")
        found.records = stored.offset + 1
        if TAKEOVER in stored.record.headers:
            found.takeovers += 1
            continue
        found.count, found.dead = found.count + counts, found.dead + (not counts)
        try:
            commit = decode(stored.record)
        except (ValidationError, ValueError, KeyError) as error:
            found.problems.append(f"{place}: {error}")
            continue
        if counts:
            found.problems += _backward(commit, cursors, place)


def _backward(commit: Commit, cursors: dict[str, tuple[int, int]], place: str) -> list[str]:
    """A decider never reads a source a second time."""
    if (cursor := commit.cursor) is None:
        return []
    before = cursors.get(cursor.source, (0, 0))
    cursors[cursor.source] = now = (cursor.offset, cursor.taken)
    return [f"{place}: {cursor.source} was read again from {now}"] if now < before else []
