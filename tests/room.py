"""Where tests keep files: in memory, if there is enough; dozens of databases are made."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_MEMORY = Path("/dev/shm")
_ENOUGH = 8 * 2**30


def _memory_will_do() -> bool:
    """Whether it has room, and programs may be run from there."""
    if not _MEMORY.exists():
        return False
    runs = not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
    return runs and shutil.disk_usage(_MEMORY).free > _ENOUGH


ROOM = _MEMORY if _memory_will_do() else Path("/tmp")


@contextmanager
def short_folder(prefix: str = "v") -> Iterator[Path]:
    """A temporary folder with so short a path that sockets may lie below it."""
    with TemporaryDirectory(prefix=prefix, dir=ROOM) as folder:
        yield Path(folder)
