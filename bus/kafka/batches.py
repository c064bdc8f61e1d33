"""Records as Kafka stores them: an append is one record batch, which a broker takes whole or not.

A produce request cannot carry two batches of one partition, and a broker gives the records of a
batch consecutive offsets, so that an append is whole and without gaps by the protocol.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from bus.contract import AppendTooLarge, LogError, Record, Stored

LARGEST_BATCH = 8 * 1024 * 1024
"""Of what topics take (`max.message.bytes`): `MAX_APPEND_BYTES`, and room for their framing."""


def pack(batch: Any, records: Sequence[Record]) -> Any:
    """Fill a producer's empty batch; raises `LogError` for a key or headers that are no text."""
    for record in records:
        try:
            key = record.key.encode()
            headers = [(name, text.encode()) for name, text in record.headers.items()]
            taken = batch.append(timestamp=None, key=key, value=record.value, headers=headers)
        except ValueError as error:
            raise LogError(f"the key or headers of a record are not text: {error}") from error
        if taken is None:
            raise AppendTooLarge(
                f"an append of {len(records)} records is larger than {LARGEST_BATCH} bytes for"
                " Kafka: append them in portions"
            )
    batch.close()
    return batch


def unpack(fetched: bytes, offset: int, limit: int) -> tuple[list[Stored], int]:
    """At most `limit` records from `offset` on, and the offset behind what was looked at.

    That may lie further where batches hold no records for readers, as those of transactions do.
    """
    found: list[Stored] = []
    for batch in _batches(fetched):
        if not batch.is_control_batch:
            for record in batch:
                if record.offset >= offset:
                    found.append(Stored(record.offset, _record(record)))
                    if len(found) == limit:
                        return found, record.offset + 1
        offset = batch.next_offset
    return found, offset


def _batches(fetched: bytes) -> Iterator[Any]:
    """Those that are whole: a broker cuts the last one."""
    batches = MemoryRecords(fetched)
    while batches.has_next():
        batch = batches.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException
        yield batch


def _record(record: Any) -> Record:
    """Other programs may write what is no text, or nothing."""
    return Record(
        (record.key or b"").decode(errors="replace"),
        record.value or b"",
        {name: (text or b"").decode(errors="replace") for name, text in record.headers},
    )
