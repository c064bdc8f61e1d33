"""What a worker remembers, as it is read from the changelog."""

from dataclasses import dataclass, field
from pathlib import Path

import faust

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
    value: bytes
    message: object = field(default_factory=lambda: Message())


@dataclass
class Message:
    value: bytes = b""
    partition: int = 0


async def test_of_two_records_the_one_that_goes_farther_is_true_whichever_came_last(
    tmp_path: Path,
) -> None:
    app = faust.App("test", store="memory://", datadir=tmp_path, web_enabled=False)
    feed = parse_feeds(FEED)["f"]
    source = Source("f", "readings", feed)
    table = MemoryTable(app, source, name="memory", key_type=bytes, value_type=bytes, partitions=1)

    def told(*records: tuple[bytes, bytes]) -> None:
        events = [Event(key, value, Message(value)) for key, value in records]
        table.apply_changelog_batch(events)

    told((b"0 a", b"7 new"), (b"0 a", b"5 ghost"), (b"0 b", b"1 x"))
    assert dict(table.data) == {b"0 a": b"7 new", b"0 b": b"1 x"}
    told((b"0 a", b"6 ghost"), (b"0 b", b"1 silent"))
    assert dict(table.data) == {b"0 a": b"7 new", b"0 b": b"1 silent"}
