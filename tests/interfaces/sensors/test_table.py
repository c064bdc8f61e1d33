"""What a worker remembers, as it is read from the changelog."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import faust
import pytest

from interfaces.sensors.feeds import parse_feeds
from interfaces.sensors.recovery import MemoryTable
from interfaces.sensors.rules import Source

FEED = """
[f]
key = "k"
[f.rules.silent]
when = "silence"
after = 60
endpoint = "e"
"""


@dataclass
class Event:
    key: bytes
    value: bytes | None
    message: object = field(default_factory=lambda: Message())


@dataclass
class Message:
    value: bytes | None = b""
    partition: int = 0
    headers: Mapping[str, bytes] = field(default_factory=dict)


@pytest.fixture
async def table(tmp_path: Path) -> MemoryTable:
    app = faust.App("test", store="memory://", datadir=tmp_path, web_enabled=False)
    source = Source("f", "readings", parse_feeds(FEED)["f"])
    return MemoryTable(app, source, name="memory", key_type=bytes, value_type=bytes, partitions=1)


def told(table: MemoryTable, *records: tuple[bytes, bytes | None, int]) -> dict[bytes, bytes]:
    """What it holds after a recovery in which it was given these: names, values and headers."""
    table.apply_changelog_batch(
        [
            Event(key, value, Message(value, 0, {"below": b"%d" % far}))
            for key, value, far in records
        ]
    )
    table.memories.settle({0})
    return dict(table.data)


async def test_of_two_records_the_one_that_goes_farther_is_true_whichever_came_last(
    table: MemoryTable,
) -> None:
    found = told(table, (b"0 a", b"7 new", 0), (b"0 a", b"5 ghost", 0), (b"0 b", b"1 x", 0))
    assert found == {b"0 a": b"7 new", b"0 b": b"1 x"}
    found = told(table, (b"0 a", b"6 ghost", 0), (b"0 b", b"1 silent", 0))
    assert found == {b"0 a": b"7 new", b"0 b": b"1 silent"}


async def test_what_was_forgotten_goes_as_far_as_its_record_says(table: MemoryTable) -> None:
    forgotten, ghost, anew = (b"0 a", None, 8), (b"0 a", b"7 ghost", 0), (b"0 a", b"8 anew", 0)
    other = (b"0 b", b"1 x", 0)
    assert told(table, ghost, other) == {b"0 a": b"7 ghost", b"0 b": b"1 x"}
    assert told(table, forgotten) == {b"0 b": b"1 x"}
    assert told(table, ghost, forgotten, ghost) == {b"0 b": b"1 x"}
    assert told(table, forgotten, anew, forgotten, ghost) == {b"0 a": b"8 anew", b"0 b": b"1 x"}
    assert told(table, (b"0 b", None, 2), (b"0 c", None, 5)) == {b"0 a": b"8 anew"}


async def test_a_record_without_value_that_says_nothing_more_is_nobodys_who_forgets(
    table: MemoryTable,
) -> None:
    table.apply_changelog_batch([Event(b"0 a", b"7 x"), Event(b"0 a", None), Event(b"0 b", None)])
    table.memories.settle({0})
    assert dict(table.data) == {b"0 a": b"7 x"}
