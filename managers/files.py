"""Files that are there whole and for good: written beside their place, synchronized, renamed.

A rename that comes before the synchronization may outlive a loss of power while the bytes do not.
"""

import os
from pathlib import Path
from typing import IO


def create(part: Path) -> IO[bytes]:
    """A new file, with its folders, to be written and settled later."""
    make_folder(part.parent)
    return part.open("xb")


def settle(file: IO[bytes], place: Path) -> None:
    """Give a file that was written its place; both outlive a loss of power when this returns."""
    file.flush()
    os.fsync(file.fileno())
    make_folder(place.parent)
    Path(file.name).rename(place)
    synchronize(place.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and all above it, each known to the one above it for good."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        synchronize(folder.parent)


def synchronize(folder: Path) -> None:
    """See that the names in a folder outlive a loss of power."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
