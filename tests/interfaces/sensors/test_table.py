"""What a worker remembers, as it is read from the changelog."""

from dataclasses import dataclass, field
from pathlib import Path

import faust

from interfaces.sensors.recovery import MemoryTable


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
    table = MemoryTable(
        app, "readings", name="memory", key_type=bytes, value_type=bytes, partitions=1
    )

    def told(*records: tuple[bytes, bytes]) -> None:
        events = [Event(key, value, Message(value)) for key, value in records]
        table.apply_changelog_batch(events)

    told((b"0 a", b"7 new"), (b"0 a", b"5 ghost"), (b"0 b", b"1 x"))
    assert dict(table.data) == {b"0 a": b"7 new", b"0 b": b"1 x"}
    told((b"0 a", b"6 ghost"), (b"0 b", b"1 silent"))
    assert dict(table.data) == {b"0 a": b"7 new", b"0 b": b"1 silent"}
