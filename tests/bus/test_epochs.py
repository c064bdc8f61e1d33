"""The rule by which commits count, whatever deposed writers leave in the log."""

import asyncio
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import (
    START,
    Doubt,
    LogReplaced,
    MemoryLog,
    Position,
    Record,
    RecordTooLarge,
    Stored,
    Writer,
    check_commit,
    counted,
    verify,
)
from bus.contract import MAX_RECORD_BYTES
from bus.epochs import EPOCH, SEQUENCE, TAKEOVER

takeovers = st.builds(lambda nonce: {TAKEOVER: nonce}, st.sampled_from("abc"))
commits = st.builds(
    lambda epoch, sequence: {EPOCH: str(epoch), SEQUENCE: str(sequence)},
    st.integers(-1, 12),
    st.integers(0, 4),
)
strangers = st.just({"other": "header"})


@st.composite
def logs(draw: st.DrawFn) -> list[Stored]:
    """Takeovers, commits of living and deposed writers in every mixture, and records of others.

    About half of the commits are such as the newest owner would append.
    """
    position, log = START, []
    for offset in range(draw(st.integers(0, 25))):
        fitting = {EPOCH: str(position.epoch), SEQUENCE: str(position.sequence)}
        headers = draw(st.one_of(st.just(fitting), takeovers, commits, strangers))
        log.append(Stored(offset, Record("k", b"%d" % offset, headers)))
        position, _ = position.after(log[-1])
    return log


def fold(position: Position, log: Sequence[Stored]) -> tuple[list[int], Position]:
    """What counted from `position` on, and where that leads."""
    rows = list(counted(position, log[position.offset :]))
    kept = [stored.offset for stored, _, counts in rows if counts]
    return kept, rows[-1][1] if rows else position


@given(logs())
def test_readers_restarted_at_every_offset_fold_the_same(log: list[Stored]) -> None:
    whole, end = fold(START, log)
    for stop in range(len(log) + 1):
        before, position = fold(START, log[:stop])
        after, reached = fold(position, log)
        assert position.offset == stop
        assert (before + after, reached) == (whole, end)


@given(logs())
def test_what_counts_is_of_the_newest_takeover_and_in_its_sequence(log: list[Stored]) -> None:
    """The rule once more, in other words: by looking at all that lies before."""
    whole, _ = fold(START, log)
    newest = list(
        accumulate((s.offset if TAKEOVER in s.record.headers else -1 for s in log), max, initial=-1)
    )
    for stored in log:
        headers, epoch = stored.record.headers, newest[stored.offset]
        earlier = [offset for offset in whole if epoch <= offset < stored.offset]
        expected = {EPOCH: str(epoch), SEQUENCE: str(len(earlier))}
        assert (stored.offset in whole) == (headers == expected)


async def written(*values: bytes) -> tuple[MemoryLog, Writer]:
    log = MemoryLog()
    await log.declare("t", 1)
    writer = await Writer.take_over(log, "t", 0, "nonce")
    await writer.append([Record("k", value) for value in values])
    return log, writer


async def test_a_writer_knows_where_its_commits_lie() -> None:
    log, writer = await written(b"1", b"2")
    assert writer.position == Position(3, 0, 2, "nonce")
    found, position = fold(START, await log.read("t", 0, 0))
    assert (found, position) == ([1, 2], writer.position)


async def test_a_writer_stamps_over_what_the_caller_claims() -> None:
    log, writer = await written()
    await writer.append([Record("k", b"", {EPOCH: "9", "mine": "kept"})])
    (stored,) = await log.read("t", 0, 1)
    assert stored.record.headers == {EPOCH: "0", SEQUENCE: "0", "mine": "kept"}


async def test_a_foreign_record_in_between_means_doubt() -> None:
    log, writer = await written(b"1")
    await log.append("t", 0, [Record("k", b"foreign")])
    with pytest.raises(Doubt, match="expected offset 2, got 3"):
        await writer.append([Record("k", b"2")])
    assert writer.position == Position(2, 0, 1, "nonce")


async def test_after_any_exception_a_writer_is_finished() -> None:
    log, writer = await written(b"1")
    with pytest.raises(RecordTooLarge):
        await writer.append([Record("k", b"x" * MAX_RECORD_BYTES)])
    with pytest.raises(Doubt, match="takes over again"):
        await writer.append([Record("k", b"2")])
    assert await log.bounds("t", 0) == (0, 2)


async def test_a_log_is_known_by_its_takeover() -> None:
    log, writer = await written(b"1")
    await verify(log, "t", 0, writer.position)
    for wrong in (
        Position(9, 0, 1, "nonce"),
        Position(2, 0, 1, "other nonce"),
        Position(2, 1, 0, "nonce"),
        Position(2, 2, 0, "nonce"),
    ):
        with pytest.raises(LogReplaced):
            await verify(log, "t", 0, wrong)


async def test_two_appends_of_one_writer_at_once_count_only_once() -> None:
    """Whoever breaks the rule of one append at a time is told so."""
    log, writer = await written()

    class Slow(MemoryLog):
        async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
            await asyncio.sleep(0)
            return await log.append(topic, partition, records)

    hasty = Writer(Slow(), "t", 0, 0, "nonce")
    attempts = [hasty.append([Record("k", value)]) for value in (b"1", b"2")]
    first, second = await asyncio.gather(*attempts, return_exceptions=True)
    assert isinstance(first, Position)
    assert isinstance(second, Doubt)
    found, _ = fold(START, await log.read("t", 0, 0))
    assert found == [1]
    assert writer.position.offset == 1


async def test_what_is_no_commit_too_large_can_be_appended() -> None:
    """Its stamp is part of the record: without room for that, an owner would fail for ever."""
    log = MemoryLog()
    await log.declare("t", 1)
    largest = next(n for n in range(MAX_RECORD_BYTES, 0, -1) if _fits(Record("k", bytes(n))))
    writer = await Writer.take_over(log, "t", 0, "nonce")
    await writer.append([Record("k", bytes(largest))])
    assert largest > MAX_RECORD_BYTES - 100


def _fits(commit: Record) -> bool:
    try:
        check_commit(commit)
    except RecordTooLarge:
        return False
    return True
