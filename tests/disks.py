"""Small disks for tests to fill; to mount one, a test must be root and be allowed to."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import asyncpg
import pytest

_MESSAGE = "SELECT pg_logical_emit_message(false, '', repeat(' ', 1000000))"
"""A million bytes for the write-ahead log, and nothing else."""


class SmallDisk:
    """A file system of so many MiB in memory, at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def use_up_inodes(self) -> None:
        """Leave no room for another file, however small."""
        with suppress(OSError):
            for number in count():
                (self.folder / f"filler-{number}").touch()

    def make_room(self) -> None:
        """As much as there was."""
        for filler in self.folder.glob("filler*"):
            filler.unlink()

    def resize(self, size: int) -> None:
        """To so many MiB."""
        subprocess.run(["mount", "-o", f"remount,size={size}M", self.folder], check=True)


@contextmanager
def small_disk(folder: Path, size: int, inodes: int = 0) -> Iterator[SmallDisk]:
    """A disk of `size` MiB and so many files (0: any number), mounted at a folder.

    Skips the test loudly where that cannot be.
    """
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}M,nr_inodes={inodes}", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"without a disk to fill: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


async def fill_write_ahead_log(url: str) -> None:
    """Have a PostgreSQL write ahead until it has no room left, for which it shuts itself down."""
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection = await asyncpg.connect(url)
        while True:
            await connection.execute(_MESSAGE)
