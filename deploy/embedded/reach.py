"""A path to the server's socket that a client can use: at most 107 bytes, as sun_path demands."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.embedded.flock import SHARED, closing

LONGEST = 107


@contextmanager
def socket_folder(data: Path, port: str) -> Iterator[Path]:
    """`data` itself, or for a deep one a short private link to it, as long as the context lasts.

    Asyncpg splits hosts at commas, so a path with one is linked as well.
    """
    if len(os.fsencode(data / f".s.PGSQL.{port}")) <= LONGEST and "," not in str(data):
        yield data
        return
    with (
        TemporaryDirectory(prefix="vestec-", dir="/tmp") as folder,
        closing(os.open(folder, os.O_RDONLY)) as descriptor,
    ):
        # systemd-tmpfiles removes what was not used for days, but not what is locked.
        fcntl.flock(descriptor, SHARED)
        link = Path(folder, "data")
        link.symlink_to(data)
        yield link
