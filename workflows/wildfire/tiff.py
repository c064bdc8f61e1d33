"""The directory of a TIFF file (TIFF 6.0, section 2), without its picture: what the server can know
of one before a program on a supercomputer reads it."""

import struct
from collections.abc import Mapping

Values = tuple[float, ...] | bytes
"""Numbers, or the bytes of a text."""

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 11: "f", 12: "d"}
"""Of the types of values that are numbers or texts; rationals are none of ours."""


def read_directory(content: bytes) -> Mapping[int, Values]:
    """The tags of the first picture by number; raises `ValueError` when the file is no such file,
    or ends before they do."""
    order = _ORDERS.get(content[:4])
    if order is None:
        raise ValueError("it is not a TIFF file")
    try:
        (at,) = struct.unpack_from(f"{order}I", content, 4)
        (count,) = struct.unpack_from(f"{order}H", content, at)
        entries = [
            struct.unpack_from(f"{order}HHI4s", content, at + 2 + 12 * index)
            for index in range(count)
        ]
        return {
            tag: _values(content, order, _FORMATS[kind], length, inline)
            for tag, kind, length, inline in entries
            if kind in _FORMATS
        }
    except struct.error as error:
        raise ValueError("it ends before its directory does") from error


def _values(content: bytes, order: str, kind: str, length: int, inline: bytes) -> Values:
    """Of one tag: four bytes are in its entry, more are where that says."""
    form = f"{order}{length}{kind}"
    if struct.calcsize(form) <= len(inline):
        found = struct.unpack_from(form, inline)
    else:
        found = struct.unpack_from(form, content, *struct.unpack(f"{order}I", inline))
    return found[0] if kind == "s" else found
