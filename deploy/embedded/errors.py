"""What can go wrong with a data folder and its server, as sentences that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.embedded.folder_lock import Address


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL server could not be found, made, started or stopped."""


class FolderInUse(EmbeddedServerError):
    """Another process runs the system in this folder; `address` says which and where."""

    def __init__(self, folder: Path, address: Address | None) -> None:
        where = address.url if address and address.url else "an address not announced yet"
        who = f"process {address.pid}" if address else "another process"
        super().__init__(f"The system already runs in {folder}: {who}, at {where}.")
        self.address = address


@contextmanager
def as_sentence(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses while the server is set up into one clear sentence."""
    try:
        yield
    except OSError as error:
        what = f"{error.strerror or error} ({error.filename or folder})"
        raise EmbeddedServerError(f"The data folder {folder} cannot be used: {what}.") from error
