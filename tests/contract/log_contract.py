"""What every engine of the log must do; each subclasses this and says how to open it."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import wraps
from random import Random
from typing import Any

import pytest

from bus import (
    START,
    AppendTooLarge,
    Doubt,
    Log,
    LogReplaced,
    PartitionsChanged,
    Position,
    Record,
    RecordTooLarge,
    Stored,
    UnknownTopic,
    Writer,
    counted,
    verify,
)
from bus.contract import MAX_APPEND_BYTES, MAX_RECORD_BYTES, RECORD_OVERHEAD
from tests.patience import PATIENCE

Opener = Callable[[], Awaitable[Log]]
Scenario = Callable[..., Awaitable[None]]

DEADLINE = 60.0
"""Seconds; no scenario needs more than one on an idle machine, and others are not idle."""


def numbered(*numbers: int) -> list[Record]:
    return [Record(f"key-{number}", b"%d" % number) for number in numbers]


async def read_all(
    log: Log, topic: str, partition: int, offset: int = 0, limit: int = 1000
) -> list[Stored]:
    """Everything from `offset` on, as far as it goes now."""
    found: list[Stored] = []
    while some := await log.read(topic, partition, offset, limit):
        found.extend(some)
        offset = some[-1].offset + 1
    return found


async def follow(log: Log, topic: str, partition: int, until: int) -> list[Stored]:
    """Everything up to the offset `until`, as it comes."""
    found: list[Stored] = []
    while len(found) < until:
        some = await log.read(topic, partition, len(found), limit=7)
        found.extend(some)
        if not some:
            await log.wait(topic, partition, len(found))
    return found


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look often: for what others do and nobody tells us."""
    while not await condition():
        await asyncio.sleep(0.005)


def with_deadline(test: Scenario) -> Scenario:
    """Most scenarios would otherwise hang where an engine fails them."""

    @wraps(test)
    async def limited(*arguments: Any, **named: Any) -> None:
        async with asyncio.timeout(DEADLINE):
            await test(*arguments, **named)

    return limited


class LogContract:
    """`open_log` gives a function that opens the same log once more."""

    def __init_subclass__(cls) -> None:
        for name, test in list(vars(cls).items()):
            if name.startswith("test_"):
                setattr(cls, name, with_deadline(test))

    @abstractmethod
    def open_log(self) -> Opener:
        """A fixture."""

    @pytest.fixture
    async def logs(self, open_log: Opener) -> AsyncIterator[tuple[Log, Log]]:
        """The log twice, as two processes see it, with a topic `t` of four partitions."""
        async with AsyncExitStack() as stack:
            logs = await open_log(), await open_log()
            for log in logs:
                stack.push_async_callback(log.close)
            await logs[0].declare("t", 4)
            yield logs

    @pytest.fixture
    def log(self, logs: tuple[Log, Log]) -> Log:
        return logs[0]

    @pytest.fixture
    def other(self, logs: tuple[Log, Log]) -> Log:
        return logs[1]


class Records(LogContract):
    """Appending and reading."""

    async def test_records_lie_in_the_order_of_their_appends(self, log: Log, other: Log) -> None:
        assert await log.append("t", 1, numbered(1, 2, 3)) == 0
        assert await other.append("t", 1, numbered(4)) == 3
        assert await log.append("t", 1, numbered(5, 6)) == 4
        expected = [Stored(n - 1, record) for n, record in enumerate(numbered(1, 2, 3, 4, 5, 6), 1)]
        assert await read_all(log, "t", 1) == expected
        assert await read_all(other, "t", 1) == expected
        assert await log.read("t", 0, 0) == []

    async def test_a_read_may_begin_and_end_anywhere(self, log: Log, other: Log) -> None:
        for first in range(0, 20, 4):
            await log.append("t", 0, numbered(*range(first, first + 4)))
        for reader in (log, other):
            for offset in range(25):
                for limit in (1, 3, 4, 9, 1000):
                    found = await reader.read("t", 0, offset, limit)
                    assert len(found) <= limit
                    assert bool(found) == (offset < 20)
                    assert (
                        found == [Stored(n, *numbered(n)) for n in range(offset, 20)][: len(found)]
                    )

    async def test_an_empty_append_writes_nothing(self, log: Log) -> None:
        assert await log.append("t", 0, []) == 0
        await log.append("t", 0, numbered(1))
        assert await log.append("t", 0, []) == 1
        assert await log.bounds("t", 0) == (0, 1)
        assert len(await read_all(log, "t", 0)) == 1

    async def test_keys_headers_and_bytes_survive(self, log: Log, other: Log) -> None:
        strange = "naïve 🔥 'quoted' \"twice\" \\ \n\t\0 漢字"
        records = [
            Record("", b""),
            Record(strange, bytes(range(256)), {strange: strange, "": ""}),
            Record("k", b"\0", {"epoch": "7", "sequence": "0"}),
        ]
        await log.append("t", 0, records)
        for reader in (log, other):
            assert [stored.record for stored in await reader.read("t", 0, 0)] == records

    async def test_a_refused_append_between_two_good_ones(self, log: Log) -> None:
        await log.append("t", 0, numbered(1))
        too_large = Record("k", bytes(MAX_RECORD_BYTES))
        with pytest.raises(RecordTooLarge, match="keep what is large beside the log"):
            await log.append("t", 0, [*numbered(2), too_large])
        assert await log.append("t", 0, numbered(3)) == 1
        assert [s.record for s in await read_all(log, "t", 0)] == numbered(1, 3)

    async def test_records_just_under_the_limit(self, log: Log, other: Log) -> None:
        large = [Record(str(n), bytes([n]) * (MAX_RECORD_BYTES - 1)) for n in range(9)]
        await log.append("t", 0, large[:1])
        await log.append("t", 0, large[1:5])
        for record in large[5:]:
            await log.append("t", 0, [record])
        assert [stored.record for stored in await read_all(other, "t", 0)] == large

    async def test_the_largest_append_is_whole_and_a_larger_one_refused(
        self, log: Log, other: Log
    ) -> None:
        few = [Record("", bytes(MAX_APPEND_BYTES // 5 - RECORD_OVERHEAD))] * 5
        many = [Record("", b"", {"a": "", "b": ""})] * (MAX_APPEND_BYTES // (RECORD_OVERHEAD + 2))
        for records in (few, many):
            _, end = await log.bounds("t", 0)
            with pytest.raises(AppendTooLarge, match="in portions"):
                await log.append("t", 0, [*records, *few[:1]])
            assert await log.append("t", 0, records) == end
            found = await read_all(other, "t", 0, end, limit=len(records))
            assert [stored.offset for stored in found] == list(range(end, end + len(records)))
            assert all(stored.record == records[0] for stored in found)

    async def test_sizes_are_bytes_not_letters(self, log: Log) -> None:
        assert Record("ü", b"", {"名": "🔥"}).size == 2 + 3 + 4
        with pytest.raises(RecordTooLarge):
            await log.append("t", 0, [Record("漢" * (MAX_RECORD_BYTES // 3 + 1), b"")])

    async def test_writers_race_without_gaps_and_readers_skip_nothing(
        self, log: Log, other: Log
    ) -> None:
        chance = Random(1)
        places: dict[int, list[Record]] = {}

        async def write(writer: int, log: Log, sizes: list[int]) -> None:
            for number, size in enumerate(sizes):
                records = [Record(f"{writer}/{number}", b"%d" % n) for n in range(size)]
                places[await log.append("t", 2, records)] = records

        sizes = [[chance.randint(1, 5) for _ in range(15)] for _ in range(8)]
        total = sum(map(sum, sizes))
        async with asyncio.TaskGroup() as tasks:
            readers = [
                tasks.create_task(follow(reader, "t", 2, total)) for reader in (log, other) * 2
            ]
            for writer, mine in enumerate(sizes):
                tasks.create_task(write(writer, (log, other)[writer % 2], mine))
        written = [record for offset in sorted(places) for record in places[offset]]
        expected = [Stored(offset, record) for offset, record in enumerate(written)]
        assert await log.bounds("t", 2) == (0, total)
        for reader in readers:
            assert reader.result() == expected

    async def test_what_was_appended_elsewhere_is_read_at_once(self, log: Log, other: Log) -> None:
        for n in range(50):
            await log.append("t", 3, numbered(n))
            found = await other.read("t", 3, n)
            assert [stored.record for stored in found] == numbered(n)

    async def test_trimmed_records_are_gone_and_offsets_stay(self, log: Log, other: Log) -> None:
        await log.append("t", 0, numbered(0, 1, 2))
        await log.append("t", 0, numbered(3, 4, 5))
        for below, first in ((2, 2), (1, 2), (3, 3), (5, 5), (99, 6)):
            await log.trim("t", 0, below)
            assert await other.bounds("t", 0) == (first, 6)
            for reader in (log, other):
                found = await read_all(reader, "t", 0)
                assert [stored.offset for stored in found] == list(range(first, 6))
        assert await other.append("t", 0, numbered(6)) == 6
        assert [stored.offset for stored in await read_all(log, "t", 0)] == [6]


class Topics(LogContract):
    """Declaring, and what was not declared."""

    async def test_a_topic_keeps_its_number_of_partitions(self, log: Log, other: Log) -> None:
        await log.declare("t", 4)
        with pytest.raises(PartitionsChanged, match="4 partitions, 5 were asked for"):
            await other.declare("t", 5)
        assert await other.partitions("t") == 4

    async def test_declarations_race(self, log: Log, other: Log) -> None:
        attempts = [
            log.declare("new", partitions) for log in (log, other) for partitions in (2, 3, 2)
        ]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        number = await log.partitions("new")
        assert [isinstance(outcome, PartitionsChanged) for outcome in outcomes] == [
            asked != number for asked in (2, 3, 2) * 2
        ]
        assert await other.append("new", number - 1, numbered(1)) == 0

    async def test_many_partitions(self, log: Log, other: Log) -> None:
        await log.declare("many", 200)
        await asyncio.gather(*(log.append("many", n, numbered(n)) for n in range(200)))
        found = await asyncio.gather(*(other.read("many", n, 0) for n in range(200)))
        assert found == [[Stored(0, *numbered(n))] for n in range(200)]

    @pytest.mark.parametrize(("topic", "partition"), [("nowhere", 0), ("t", 4), ("t", -1)])
    async def test_what_was_never_declared(self, log: Log, topic: str, partition: int) -> None:
        place = (topic, partition)
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: log.append(*place, numbered(1)),
            lambda: log.read(*place, 0),
            lambda: log.wait(*place, 0),
            lambda: log.bounds(*place),
            lambda: log.trim(*place, 0),
        ]
        for call in calls:
            with pytest.raises(UnknownTopic):
                await call()


class Tails(LogContract):
    """Waiting for what comes."""

    async def test_both_sides_wake_each_other_at_once(self, log: Log, other: Log) -> None:
        async def answer(reader: Log, hears: int, speaks: int) -> None:
            for n in range(25):
                await reader.wait("t", hears, n)
                assert await reader.read("t", hears, n)
                await reader.append("t", speaks, numbered(n))

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            tasks.create_task(answer(log, 0, 1))
            tasks.create_task(answer(other, 1, 0))
            await other.append("t", 0, numbered(0))

    async def test_nobody_waits_for_what_is_there(self, log: Log, open_log: Opener) -> None:
        await log.append("t", 0, numbered(1, 2))
        newcomer = await open_log()
        try:
            async with asyncio.timeout(PATIENCE):
                await newcomer.wait("t", 0, 1)
                await log.wait("t", 0, 0)
        finally:
            await newcomer.close()

    async def test_a_wait_lasts_until_its_own_offset(self, log: Log, other: Log) -> None:
        async with asyncio.TaskGroup() as tasks:
            late = tasks.create_task(log.wait("t", 0, 3))
            early = tasks.create_task(log.wait("t", 0, 0))
            await other.append("t", 0, numbered(0, 1, 2))
            await early
            assert not late.done()
            await other.append("t", 0, numbered(3))

    async def test_who_gave_up_waiting_hurts_nobody(self, log: Log) -> None:
        impatient = asyncio.create_task(log.wait("t", 0, 0))
        patient = asyncio.create_task(log.wait("t", 0, 0))
        await asyncio.sleep(0)
        impatient.cancel()
        await log.append("t", 0, numbered(1))
        await patient


class Groups(LogContract):
    """Members that come and go."""

    async def test_one_member_owns_all(self, log: Log) -> None:
        async with log.membership("g", "t") as member:
            assert await member.changed(frozenset()) == {0, 1, 2, 3}
            assert member.owned == {0, 1, 2, 3}

    async def test_members_share_and_hand_over(self, log: Log, other: Log) -> None:
        async with log.membership("g", "t") as first:
            everything = await first.changed(frozenset())
            async with other.membership("g", "t") as second:
                half = await first.changed(everything)
                assert half | await second.changed(frozenset()) == {0, 1, 2, 3}
                assert (len(half), len(second.owned)) == (2, 2)
            async with asyncio.timeout(5):  # less than a lease
                assert await first.changed(half) == {0, 1, 2, 3}
            assert second.owned == frozenset()

    async def test_three_members_and_an_odd_share(self, log: Log, other: Log) -> None:
        async with (
            log.membership("g", "t") as a,
            other.membership("g", "t") as b,
            log.membership("g", "t") as c,
        ):

            async def shared() -> bool:
                return sorted(len(member.owned) for member in (a, b, c)) == [1, 1, 2]

            await until(shared)
            assert a.owned | b.owned | c.owned == {0, 1, 2, 3}

    async def test_a_member_too_many_waits_for_its_turn(self, log: Log, other: Log) -> None:
        await log.declare("one", 1)
        async with AsyncExitStack() as leaving:
            first = await leaving.enter_async_context(log.membership("g", "one"))
            await first.changed(frozenset())
            async with other.membership("g", "one") as second:
                turn = asyncio.create_task(second.changed(frozenset()))
                await log.append("one", 0, numbered(1))
                assert (first.owned, second.owned) == (frozenset({0}), frozenset())
                assert not turn.done()
                await leaving.aclose()
                assert await turn == {0}

    async def test_groups_and_topics_are_apart(self, log: Log, other: Log) -> None:
        await log.declare("u", 2)
        async with (
            log.membership("g", "t") as one,
            other.membership("h", "t") as two,
            other.membership("g", "u") as three,
        ):
            assert await one.changed(frozenset()) == {0, 1, 2, 3}
            assert await two.changed(frozenset()) == {0, 1, 2, 3}
            assert await three.changed(frozenset()) == {0, 1}

    async def test_a_group_of_no_topic(self, log: Log) -> None:
        with pytest.raises(UnknownTopic):
            async with log.membership("g", "nowhere"):
                pass


class Epochs(LogContract):
    """Takeover and fencing, by `bus.epochs`."""

    async def test_a_deposed_writer_learns_it_and_counts_no_more(
        self, log: Log, other: Log
    ) -> None:
        old = await Writer.take_over(log, "t", 0, "old")
        await old.append(numbered(1, 2))
        new = await Writer.take_over(other, "t", 0, "new")
        with pytest.raises(Doubt, match="expected offset 3, got 4"):
            await old.append(numbered(3))
        with pytest.raises(Doubt):
            await new.append(numbered(4))
        newest = await Writer.take_over(other, "t", 0, "newest")
        await newest.append(numbered(5))
        for reader in (log, other):
            rows = list(counted(START, await reader.read("t", 0, 0)))
            kept = [stored.record.value for stored, _, counts in rows if counts]
            assert kept == [b"1", b"2", b"4", b"5"]
            assert rows[-1][1] == newest.position

    async def test_more_than_the_log_takes_at_once_goes_in_portions(
        self, log: Log, other: Log
    ) -> None:
        writer = await Writer.take_over(log, "t", 0, "nonce")
        large = [Record(str(n), bytes(MAX_RECORD_BYTES - 100)) for n in range(12)]
        await writer.append(large)
        await writer.append(numbered(1))
        rows = list(counted(START, await read_all(other, "t", 0)))
        assert [stored.record.key for stored, _, counts in rows if counts] == [
            *map(str, range(12)),
            "key-1",
        ]
        assert rows[-1][1] == writer.position

    async def test_two_who_take_over_in_turns(self, log: Log, other: Log) -> None:
        """Every commit that was acknowledged as counting does count, for all."""
        acknowledged: list[bytes] = []

        async def own(log: Log, name: str) -> None:
            for round in range(12):
                writer = await Writer.take_over(log, "t", 0, f"{name}{round}")
                try:
                    for n in range(4):
                        value = f"{name}/{round}/{n}".encode()
                        position = await writer.append([Record("k", value)])
                        await read_all(log, "t", 0, position.offset - 1)
                        acknowledged.append(value)
                except Doubt:
                    continue

        await asyncio.gather(own(log, "a"), own(other, "b"))
        views = [list(counted(START, await read_all(log, "t", 0))) for log in (log, other)]
        assert views[0] == views[1]
        kept = [stored.record.value for stored, _, counts in views[0] if counts]
        assert set(acknowledged) <= set(kept)
        assert len(set(kept)) == len(kept)

    async def test_a_restored_backup_is_noticed(self, log: Log, other: Log) -> None:
        writer = await Writer.take_over(log, "t", 0, "nonce")
        position = await writer.append(numbered(1, 2))
        await verify(other, "t", 0, position)
        await verify(other, "t", 0, START)
        with pytest.raises(LogReplaced, match="lost its tail"):
            await verify(other, "t", 1, position)
        restored = await Writer.take_over(log, "t", 1, "another")
        await restored.append(numbered(1, 2))
        with pytest.raises(LogReplaced, match="another takeover"):
            await verify(other, "t", 1, position)
        with pytest.raises(LogReplaced):
            await verify(log, "t", 0, Position(2, 1, 0, "nonce"))

    async def test_a_lost_beginning_is_noticed(self, log: Log, other: Log) -> None:
        writer = await Writer.take_over(log, "t", 0, "nonce")
        await writer.append(numbered(1, 2))
        await log.trim("t", 0, 1)
        with pytest.raises(LogReplaced, match="begins at 1, but was read only to 0"):
            await verify(other, "t", 0, START)


class WholeContract(Records, Topics, Tails, Groups, Epochs):
    """All of it."""
