"""The records of one append as one value: fast to pack, and to unpack without the database's help.

First the length of the labels (32 bits, little endian), then the labels, a JSON array with a key,
headers and the length of the value of each record, then the values, one behind the other.
"""

import struct
from collections.abc import Sequence

from pydantic_core import from_json, to_json

from bus.contract import LogError, Record, Stored

_LENGTH = struct.Struct("<I")


def pack(records: Sequence[Record]) -> bytes:
    """Raises `LogError` for a key or headers that are not proper text."""
    try:
        labels = to_json([(r.key, dict(r.headers), len(r.value)) for r in records])
    except ValueError as error:
        raise LogError(f"the key or headers of a record are not text: {error}") from error
    return b"".join((_LENGTH.pack(len(labels)), labels, *[r.value for r in records]))


def unpack(start: int, batch: bytes) -> list[Stored]:
    """The records of a batch, the first of which lies at offset `start`."""
    (length,) = _LENGTH.unpack_from(batch)
    at = _LENGTH.size + length
    records = []
    for key, headers, size in from_json(batch[_LENGTH.size : at]):
        records.append(Record(key, batch[at : at + size], headers))
        at += size
    return [Stored(offset, record) for offset, record in enumerate(records, start)]
