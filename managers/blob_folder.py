"""Blobs in a folder of this computer, as safe as the log that refers to them.

Reading is obstore's; its writing is not on the disk when it returns, so that is done here.
"""

import asyncio
from collections.abc import AsyncIterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from obstore.store import LocalStore

from events.values import Blob
from managers.blobs import INCOMING, BlobStore, BlobStoreUnavailable, Measured, path_of
from managers.files import Draft, synchronize, written
from managers.runtime import crash_point

_FILES = 8
"""Written at once; a disk that does not answer holds these threads, and nobody else's."""


class FolderBlobStore(BlobStore):
    """A `BlobStore` in a folder; what it took outlives a loss of power."""

    def __init__(self, folder: Path) -> None:
        super().__init__(LocalStore(str(folder.absolute()), mkdir=True))
        self._folder = folder
        self._pool = ThreadPoolExecutor(_FILES, thread_name_prefix="blobs")

    async def put(self, data: bytes) -> Blob:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.put_now, data)

    def put_now(self, data: bytes) -> Blob:
        blob = Blob.of(data)
        with _translated():
            if self._has(blob):  # perhaps by somebody who has not come to synchronize its name
                synchronize(self._place(blob).parent)
                return blob
            with written(self._place(blob), self._incoming()) as file:
                file.write(data)
        return blob

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> Blob:
        measured = Measured(chunks)
        async with Draft(self._incoming(), self._pool) as draft:
            async for chunk in measured:
                with _translated():
                    await draft.write(chunk)
            crash_point("before blob is named")
            with _translated():
                await draft.settle(self._place(measured.blob))
        return measured.blob

    def _has(self, blob: Blob) -> bool:
        place = self._place(blob)
        return place.exists() and place.stat().st_size == blob.size

    def _place(self, blob: Blob) -> Path:
        return self._folder / path_of(blob)

    def _incoming(self) -> Path:
        """Of a new file for bytes."""
        return self._folder / INCOMING / str(uuid4())


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
