"""A partition's state: the fold of every commit that counts, from a snapshot if one fits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any, Generic, TypeVar

import structlog
from pydantic import TypeAdapter

from bus import START, Doubt, LogError, LogReplaced, Position, Stored, Timestamp, Writer, verify
from events.envelope import Commit, Cursor, decode, events_topic
from managers.runtime.about import about
from managers.runtime.manager import Manager
from managers.runtime.snapshots import Snapshot
from managers.runtime.surroundings import Surroundings

S = TypeVar("S")
W = TypeVar("W")

_log = structlog.get_logger()

_TURN = 100
"""Records folded, or states kept or read, before others have a turn: a process may fold all its
partitions at once, and must hear its brokers and renew its leases meanwhile."""


class PartitionBroken(Exception):
    """`evolve` failed on a recorded event: the code does not fit the log; nothing goes on here."""

    def __init__(self, sentence: str, **ids: str) -> None:
        """`ids` are those of the commit, as `about` gives them."""
        super().__init__(sentence)
        self.ids = ids


@dataclass
class PartitionState(Generic[S]):
    """States by key, how far each source was read, and the position all this is at."""

    keys: dict[str, S]
    cursors: dict[str, Cursor]
    position: Position = START
    time: Timestamp = Timestamp(0)
    """Of a snapshot: later than that of every commit folded into it."""

    def put(self, key: str, state: S | None) -> None:
        if state is None:
            self.keys.pop(key, None)
        else:
            self.keys[key] = state

    def fold(self, manager: Manager[S, W], commit: Commit) -> None:
        """Take in a commit that counts."""
        state = self.keys.get(commit.key)
        for event in commit.events:
            try:
                state = manager.evolve(state, event)
            except Exception as error:
                raise PartitionBroken(
                    f"{manager.context}: cannot fold {type(event).__name__} of {commit.key}:"
                    f" {type(error).__name__}: {error}",
                    **about(commit.incident, commit.cause, commit.correlation),
                ) from error
        self.put(commit.key, state)
        if commit.cursor:
            self.cursors[commit.cursor.source] = commit.cursor


async def fold_until(
    manager: Manager[S, W], partition: int, around: Surroundings, writer: Writer
) -> tuple[PartitionState[S], int]:
    """The state as it was when `writer` took over, and how many records were folded for it.

    Raises `Doubt` if somebody else has taken over since.
    """
    topic = events_topic(manager.context)
    state = await kept_state(manager, partition, around)
    if state is None:
        state = PartitionState({}, {})
        await verify(around.log, topic, partition, state.position)
    start = state.position.offset
    while state.position.offset < writer.position.offset:
        records = await around.log.read(topic, partition, state.position.offset)
        if not records:
            raise LogError(f"{topic}/{partition} ends before {writer.position.offset}")
        before = [stored for stored in records if stored.offset < writer.position.offset]
        async for _ in fold_records(manager, state, before, around):
            pass
    if state.position != writer.position:
        raise Doubt(f"{topic}/{partition} was read to {state.position}, not {writer.position}")
    return state, state.position.offset - start


async def fold_records(
    manager: Manager[S, W],
    state: PartitionState[S],
    records: Sequence[Stored],
    around: Surroundings,
    key: str | None = None,
) -> AsyncIterator[Commit]:
    """Take in what lies at the state's position, with a turn for others now and then.

    Yields each commit that counts; of one key only, where it is given. Raises `PartitionBroken`.
    """
    for number, stored in enumerate(records):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        state.position, counts = state.position.after(stored)
        if counts and key in (None, stored.record.key):
            commit = _decoded(manager, stored)
            around.clock.follow(commit.time)
            state.fold(manager, commit)
            yield commit


def _decoded(manager: Manager[S, W], stored: Stored) -> Commit:
    try:
        return decode(stored.record)
    except ValueError as error:
        incident = stored.record.key if manager.context.keyed_by_incident else None
        raise PartitionBroken(
            f"{manager.context}: cannot read the commit at {stored.offset}: {error}",
            **about(incident),
        ) from error


async def keep_snapshot(
    manager: Manager[S, W], partition: int, around: Surroundings, state: PartitionState[S]
) -> None:
    """Store the counted state, which nobody changes meanwhile.

    At worst the next takeover takes longer.
    """
    state.time = around.clock.now()
    kept = Snapshot(state.position, manager.fold, await _dumped(manager, state))
    try:
        await around.snapshots.store(manager.context, partition, kept)
    except Exception as error:
        _log.warning("snapshot not stored", context=manager.context, error=repr(error))


async def kept_state(
    manager: Manager[S, W], partition: int, around: Surroundings
) -> PartitionState[S] | None:
    """That of the newest snapshot; None: there is none that fits. Raises `LogReplaced`."""
    try:
        kept = await around.snapshots.load(manager.context, partition)
        if kept is None or kept.fold != manager.fold:
            return None
        state = await _loaded(manager, kept.states)
    except Exception as error:
        _log.warning("snapshot ignored", context=manager.context, error=repr(error))
        return None
    try:
        await verify(around.log, events_topic(manager.context), partition, kept.position)
    except LogReplaced as error:
        raise LogReplaced(
            f"{error}. If that was done on purpose: vestec projections rebuild, then start again"
        ) from error
    around.clock.follow(state.time)
    return state


async def _dumped(manager: Manager[S, W], state: PartitionState[S]) -> bytes:
    """A line of JSON for every so many keys, with a turn for others; the first says all else."""
    adapter, items = _adapter(manager), iter(state.keys.items())
    lines = [adapter.dump_json(replace(state, keys=dict(islice(items, _TURN))))]
    while portion := dict(islice(items, _TURN)):
        await asyncio.sleep(0)
        lines.append(adapter.dump_json(PartitionState(portion, {})))
    return b"\n".join(lines)


async def _loaded(manager: Manager[S, W], states: bytes) -> PartitionState[S]:
    first, *others = states.split(b"\n")
    state = _adapter(manager).validate_json(first)
    for line in others:
        await asyncio.sleep(0)
        state.keys |= _adapter(manager).validate_json(line).keys
    return state


def _adapter(manager: Manager[S, W]) -> TypeAdapter[PartitionState[S]]:
    return _adapter_of(manager.state)  # type: ignore[arg-type]  # a class can be hashed


@cache
def _adapter_of(state: type[object]) -> TypeAdapter[Any]:
    """Making one takes milliseconds."""
    return TypeAdapter(PartitionState[state])  # type: ignore[valid-type]
