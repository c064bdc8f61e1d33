"""Files are whole at their place or not there; a disk that hangs holds up no loop."""

import asyncio
import io
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from interfaces.machines.connections.local import LocalConnection
from managers.blob_folder import FolderBlobStore
from managers.files import Draft, written
from tests.patience import PATIENCE


class Disk:
    """It may hang: whoever writes then waits in the system until it goes on."""

    def __init__(self) -> None:
        self.asked, self.goes_on = threading.Event(), threading.Event()


class _Hanging(io.FileIO):
    def __init__(self, disk: Disk, path: Path) -> None:
        super().__init__(path, "xb")
        self._disk = disk

    def write(self, data: Any) -> int:
        self._disk.asked.set()
        self._disk.goes_on.wait(PATIENCE)
        return super().write(data)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    hung, usual = Disk(), Path.open

    def opened(path: Path, mode: str, *more: Any) -> Any:
        return io.BufferedWriter(_Hanging(hung, path)) if mode == "xb" else usual(path, mode, *more)

    monkeypatch.setattr(Path, "open", opened)
    yield hung
    hung.goes_on.set()


async def data() -> AsyncIterator[bytes]:
    yield bytes(1 << 20)


async def until(asked: threading.Event, putting: asyncio.Future[Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not asked.is_set():
            assert not putting.done(), putting
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("way", ["machine", "blobs"])
async def test_who_is_cancelled_waits_for_no_disk_and_leaves_nothing(
    disk: Disk, tmp_path: Path, way: str
) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    if way == "machine":
        put: Any = LocalConnection().put(PurePosixPath(folder, "file"), data())
    else:
        put = FolderBlobStore(tmp_path).put_stream(data())
    putting = asyncio.ensure_future(put)
    await until(disk.asked, putting)
    impatient = threading.Timer(10, disk.goes_on.set)  # or the loop would hang with the test
    impatient.start()
    putting.cancel()
    await asyncio.wait([putting])
    assert putting.cancelled()
    assert not disk.goes_on.is_set(), "it waited for the disk"
    impatient.cancel()
    assert len(os.listdir(folder)) == 1
    disk.goes_on.set()
    async with asyncio.timeout(PATIENCE):
        while os.listdir(folder):
            await asyncio.sleep(0.01)


async def test_a_hung_disk_of_blobs_holds_up_no_other_threads(disk: Disk, tmp_path: Path) -> None:
    blobs = FolderBlobStore(tmp_path)
    putting = [asyncio.create_task(blobs.put(b"%d" % number)) for number in range(40)]
    await until(disk.asked, putting[0])
    try:
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.to_thread(lambda: "here")
    finally:
        disk.goes_on.set()
    await asyncio.gather(*putting)


async def test_a_draft_that_is_given_up_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    busy = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(busy.wait, PATIENCE)

        async def put() -> None:
            async with Draft(tmp_path / "part", pool) as draft:
                await draft.write(b"fire")

        putting = asyncio.create_task(put())
        await asyncio.sleep(0)
        putting.cancel()
        await asyncio.wait([putting])
        busy.set()
    assert os.listdir(tmp_path) == []


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "new" / "file"
    with written(place) as file:
        file.write(b"whole")

    def fail() -> None:
        with written(place) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert place.read_bytes() == b"whole"
    assert os.listdir(place.parent) == ["file"]
