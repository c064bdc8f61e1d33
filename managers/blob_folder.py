"""Blobs in a folder of this computer, as safe as the log that refers to them.

Reading is obstore's; its writing is not on the disk when it returns, so that is done here.
"""

import asyncio
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from obstore.store import LocalStore

from events.values import Blob
from managers.blobs import INCOMING, BlobStore, BlobStoreUnavailable, Measured, path_of
from managers.files import create, settle, synchronize
from managers.runtime import crash_point


class FolderBlobStore(BlobStore):
    """A `BlobStore` in a folder; what it took outlives a loss of power."""

    def __init__(self, folder: Path) -> None:
        super().__init__(LocalStore(str(folder.absolute()), mkdir=True))
        self._folder = folder

    async def put(self, data: bytes) -> Blob:
        return await asyncio.to_thread(self.put_now, data)

    def put_now(self, data: bytes) -> Blob:
        blob = Blob.of(data)
        with _translated():
            if self._has(blob):  # perhaps by somebody who has not come to synchronize its name
                synchronize(self._place(blob).parent)
                return blob
        file = self._incoming()
        try:
            with _translated():
                file.write(data)
                settle(file, self._place(blob))
        finally:
            _drop(file)
        return blob

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> Blob:
        measured = Measured(chunks)
        file = await asyncio.to_thread(self._incoming)
        try:
            async for chunk in measured:
                with _translated():
                    await asyncio.to_thread(file.write, chunk)
            crash_point("before blob is named")
            with _translated():
                await asyncio.to_thread(settle, file, self._place(measured.blob))
        finally:
            _drop(file)
        return measured.blob

    def _has(self, blob: Blob) -> bool:
        place = self._place(blob)
        return place.exists() and place.stat().st_size == blob.size

    def _place(self, blob: Blob) -> Path:
        return self._folder / path_of(blob)

    def _incoming(self) -> IO[bytes]:
        """A new file for bytes, to be settled or dropped."""
        with _translated():
            return create(self._folder / INCOMING / str(uuid4()))


def _drop(file: IO[bytes]) -> None:
    """Close it; unless it was given its place, it is gone."""
    with suppress(OSError):  # of what nobody wants any more
        file.close()
    Path(file.name).unlink(missing_ok=True)


@contextmanager
def _translated() -> Iterator[None]:
    """The system's errors as ours."""
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise BlobStoreUnavailable(
            f"the blob store cannot write{where}: {error.strerror}"
        ) from error
