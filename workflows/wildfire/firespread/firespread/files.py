"""Files that are whole or absent, and their digests."""

import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed when the block ends without an error."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: object, indent: int | None = 2) -> None:
    """Write a value as JSON; NaN is refused."""
    with written(path) as beside:
        beside.write_text(
            json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays as .npz; the same arrays give the same bytes (numpy dates the members 1980)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    with written(path) as beside:
        beside.write_bytes(buffer.getvalue())


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
