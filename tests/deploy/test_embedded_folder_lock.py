"""One system per data folder: who comes second is told where the first one is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedServerError, FolderInUse, FolderLock

HOLD = """
import sys
from pathlib import Path
from deploy.embedded import FolderLock
FolderLock.acquire(Path(sys.argv[1])).announce("http://127.0.0.1:8080")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_one_is_told_the_address_of_the_first(tmp_path: Path) -> None:
    with FolderLock.acquire(tmp_path) as first:
        first.announce("http://127.0.0.1:8080")
        with pytest.raises(FolderInUse, match=r"http://127\.0\.0\.1:8080") as refused:
            FolderLock.acquire(tmp_path)
    assert refused.value.address is not None
    assert refused.value.address.pid == os.getpid()
    assert refused.value.address.started == first.started


def test_before_the_first_one_listens_it_is_named_by_its_process(tmp_path: Path) -> None:
    with (
        FolderLock.acquire(tmp_path),
        pytest.raises(FolderInUse, match=f"process {os.getpid()}, at an address not announced"),
    ):
        FolderLock.acquire(tmp_path)


def test_a_released_folder_is_free_and_forgets_the_address(tmp_path: Path) -> None:
    with FolderLock.acquire(tmp_path) as first:
        first.announce("http://127.0.0.1:8080")
    with FolderLock.acquire(tmp_path), pytest.raises(FolderInUse) as refused:
        FolderLock.acquire(tmp_path)
    assert refused.value.address is not None
    assert refused.value.address.url is None


def test_the_folder_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUse, match=f"process {holder.pid}"):
            FolderLock.acquire(tmp_path)
        holder.kill()
    FolderLock.acquire(tmp_path).release()


def test_a_missing_folder_is_made_closed_to_others(tmp_path: Path) -> None:
    with FolderLock.acquire(tmp_path / "new"):
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match=r"cannot be used: Not a directory"):
        FolderLock.acquire(tmp_path / "file" / "below")
