"""The lock that gives a data folder to one running system, and its address for who comes second.

A `flock` on the folder itself: it needs no file, outlives no process and cannot be stale.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ValidationError

from deploy.embedded.errors import FolderInUse, as_sentence
from deploy.embedded.flock import EXCLUSIVE, try_lock


class Address(BaseModel, frozen=True):
    """Who runs the system in a folder; `url` is None until the gateway listens."""

    pid: int
    url: str | None
    started: datetime


@dataclass(frozen=True)
class FolderLock:
    """One system per data folder. A context manager; a killed holder's lock is free at once."""

    folder: Path
    started: datetime
    descriptor: int

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Lock `folder`, making it (mode 0700) if it is missing.

        Raises FolderInUse, with the holder's address, when another process holds it, and
        EmbeddedServerError when it cannot be made or written.
        """
        with as_sentence(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = try_lock(folder, EXCLUSIVE)
            if descriptor is None:
                raise FolderInUse(folder, _read(folder))
            lock = cls(folder, datetime.now(UTC), descriptor)
            lock.announce(None)
            return lock

    def announce(self, url: str | None) -> None:
        """Tell those who come second where this system listens."""
        address = Address(pid=os.getpid(), url=url, started=self.started)
        beside = self.folder / "address.json.new"
        beside.write_text(address.model_dump_json(), encoding="utf-8")
        beside.replace(self.folder / "address.json")

    def release(self) -> None:
        """Give the folder back."""
        (self.folder / "address.json").unlink(missing_ok=True)
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _read(folder: Path) -> Address | None:
    try:
        return Address.model_validate_json((folder / "address.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
