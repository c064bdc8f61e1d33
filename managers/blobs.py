"""The blob store: bytes named by their digest, in a folder or any object store.

What is there is never rewritten: putting the same bytes again changes nothing.
"""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from uuid import uuid4

from obstore.store import ObjectStore
from pydantic import JsonValue
from pydantic_core import from_json, to_json

from events.values import INLINE_BYTES, Blob, Content, Document, NotJson, require_json
from managers.runtime import crash_point

_CHUNK = 1 << 20


class BlobMissing(Exception):
    """The blob store does not hold what the log refers to."""


class BlobStore:
    """Content-addressed bytes over an obstore store (folder, memory, S3 and others)."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, data: bytes) -> Blob:
        """Store bytes; durable when it returns."""
        blob = Blob.of(data)
        if not await self.has(blob):
            await self._store.put_async(_path(blob), data)
        return blob

    def put_now(self, data: bytes) -> Blob:
        """The same, for threads that may block."""
        blob = Blob.of(data)
        self._store.put(_path(blob), data)
        return blob

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> Blob:
        """Store a stream, never held whole in memory."""
        digest, size = hashlib.sha256(), 0
        incoming = f"incoming/{uuid4()}"

        async def watched() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        await self._store.put_async(incoming, watched())
        blob = Blob(sha256=digest.hexdigest(), size=size)
        crash_point("before blob is named")
        await self._store.rename_async(incoming, _path(blob))
        return blob

    async def has(self, blob: Blob) -> bool:
        try:
            await self._store.head_async(_path(blob))
        except FileNotFoundError:
            return False
        return True

    async def get(self, blob: Blob) -> bytes:
        """All of it; raises `BlobMissing`."""
        try:
            result = await self._store.get_async(_path(blob))
        except FileNotFoundError:
            raise BlobMissing(f"blob {blob.sha256} is not in the blob store") from None
        return bytes(await result.bytes_async())

    def get_now(self, blob: Blob) -> bytes:
        """All of it, for threads that may block; raises `BlobMissing`."""
        try:
            return bytes(self._store.get(_path(blob)).bytes())
        except FileNotFoundError:
            raise BlobMissing(f"blob {blob.sha256} is not in the blob store") from None

    async def stream(
        self, blob: Blob, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Bytes `start` up to, without, `end`, in chunks; raises `BlobMissing`."""
        end = blob.size if end is None else end
        while start < end:
            stop = min(start + _CHUNK, end)
            try:
                yield bytes(await self._store.get_range_async(_path(blob), start=start, end=stop))
            except FileNotFoundError:
                raise BlobMissing(f"blob {blob.sha256} is not in the blob store") from None
            start = stop


async def keep_document(blobs: BlobStore, value: JsonValue, what: str) -> Document:
    """A JSON value as a document, in the blob store when large; `what` it is, for people.

    Raises `NotJson` for what would be another value when it is read: NaN and infinity are none.
    """
    try:
        text = to_json(require_json(value))
    except NotJson as error:
        raise NotJson(f"{what} is not JSON: {error}") from None
    if len(text) <= INLINE_BYTES:
        return Document(json_value=value)
    return Document(blob=await blobs.put(text))


async def open_document(blobs: BlobStore, document: Document) -> JsonValue:
    """The JSON value of a document."""
    if document.blob is None:
        return document.json_value
    value: JsonValue = from_json(await blobs.get(document.blob))
    return value


async def keep_content(
    blobs: BlobStore, data: bytes, media_type: str = "application/octet-stream"
) -> Content:
    """Bytes as a content, in the blob store when large."""
    small = len(data) <= INLINE_BYTES
    return Content(
        media_type=media_type,
        size=len(data),
        inline=data if small else None,
        blob=None if small else await blobs.put(data),
    )


async def open_content(blobs: BlobStore, content: Content) -> bytes:
    """The bytes of a content, wherever they lie."""
    if content.blob is not None:
        return await blobs.get(content.blob)
    return content.inline or b""


def _path(blob: Blob) -> str:
    return f"sha256/{blob.sha256[:2]}/{blob.sha256}"
