"""The blob store: bytes named by their digest, in a folder or any object store.

What is there never changes: who puts the same bytes again may write them anew, as the same whole.
Whatever fails below is a `BlobStoreError`.
"""

import hashlib
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from uuid import uuid4

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore
from pydantic import JsonValue
from pydantic_core import from_json, to_json

from events.values import INLINE_BYTES, Blob, Content, Document, NotJson, require_json
from managers.runtime import crash_point

INCOMING = "incoming"
"""Where bytes lie whose digest is not known yet."""
ABANDONED = timedelta(days=1)
"""After which nobody writes any more what still lies there: its writer was killed."""

_CHUNK = 1 << 20


class BlobStoreError(Exception):
    """The blob store does not do what it should; the text says why."""


class BlobMissing(BlobStoreError):
    """The blob store does not hold what the log refers to."""


class BlobStoreUnavailable(BlobStoreError):
    """The blob store neither takes nor gives bytes now: full, away, or not allowed."""


class Measured:
    """The chunks of a stream as they pass, and the blob that they are."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks, self._digest, self._size = chunks, hashlib.sha256(), 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self._digest.update(chunk)
            self._size += len(chunk)
            yield chunk

    @property
    def blob(self) -> Blob:
        """Of what has passed so far."""
        return Blob(sha256=self._digest.hexdigest(), size=self._size)


class BlobStore:
    """Content-addressed bytes over an obstore store (memory, S3 and others)."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, data: bytes) -> Blob:
        """Store bytes; durable when it returns. Raises `BlobStoreUnavailable`, as all of these."""
        blob = Blob.of(data)
        if not await self.has(blob):
            with _translated():
                await self._store.put_async(path_of(blob), data)
        return blob

    def put_now(self, data: bytes) -> Blob:
        """The same, for threads that may block."""
        blob = Blob.of(data)
        with _translated():
            self._store.put(path_of(blob), data)
        return blob

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> Blob:
        """Store a stream, never held whole in memory; raises what the stream raises, too."""
        incoming, measured = f"{INCOMING}/{uuid4()}", Measured(chunks)
        with _translated():
            await self._store.put_async(incoming, aiter(measured))
            crash_point("before blob is named")
            await self._store.rename_async(incoming, path_of(measured.blob))
        return measured.blob

    async def has(self, blob: Blob) -> bool:
        """Whether it is there whole."""
        with _translated(), suppress(FileNotFoundError):
            found = await self._store.head_async(path_of(blob))
            return found["size"] == blob.size
        return False

    async def get(self, blob: Blob) -> bytes:
        """All of it; raises `BlobMissing`."""
        with _translated(blob):
            return bytes(await (await self._store.get_async(path_of(blob))).bytes_async())

    def get_now(self, blob: Blob) -> bytes:
        """All of it, for threads that may block; raises `BlobMissing`."""
        with _translated(blob):
            return bytes(self._store.get(path_of(blob)).bytes())

    async def stream(
        self, blob: Blob, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Bytes `start` up to, without, `end`, in chunks; raises `BlobMissing`."""
        end = blob.size if end is None else end
        while start < end:
            stop = min(start + _CHUNK, end)
            with _translated(blob):
                chunk = await self._store.get_range_async(path_of(blob), start=start, end=stop)
            yield bytes(chunk)
            start = stop

    async def tidy(self, now: datetime) -> None:
        """Remove what writers left behind that were killed long ago."""
        with _translated():
            async for found in self._store.list(INCOMING):
                for left in found:
                    if now - left["last_modified"] > ABANDONED:
                        with suppress(FileNotFoundError):  # somebody else tidies as well
                            await self._store.delete_async(left["path"])


async def keep_document(
    blobs: BlobStore, value: JsonValue, what: str, inline: int = INLINE_BYTES
) -> Document:
    """A JSON value as a document, in the blob store when it has more bytes than may be inline.

    `what` it is, for people. Who keeps many in one record leaves each of them less room.
    Raises `NotJson` for what would be another value when it is read: NaN and infinity are none.
    """
    try:
        text = to_json(require_json(value))
    except NotJson as error:
        raise NotJson(f"{what} is not JSON: {error}") from None
    if len(text) <= inline:
        return Document(json_value=value)
    return Document(blob=await blobs.put(text))


async def open_document(blobs: BlobStore, document: Document) -> JsonValue:
    """The JSON value of a document."""
    if document.blob is None:
        return document.json_value
    value: JsonValue = from_json(await blobs.get(document.blob))
    return value


async def keep_content(
    blobs: BlobStore, chunks: AsyncIterable[bytes], media_type: str = "application/octet-stream"
) -> Content:
    """A stream as a content: in the blob store when large, and then never whole in memory.

    Raises what the stream raises, `BlobStoreUnavailable`.
    """
    stream, start = aiter(chunks), b""
    async for chunk in stream:
        start += chunk
        if len(start) > INLINE_BYTES:
            blob = await blobs.put_stream(_chained(start, stream))
            return Content(media_type=media_type, size=blob.size, blob=blob)
    return Content(media_type=media_type, size=len(start), inline=start)


async def _chained(start: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for chunk in rest:
        yield chunk


def path_of(blob: Blob) -> str:
    """Where a blob lies in its store."""
    return f"sha256/{blob.sha256[:2]}/{blob.sha256}"


@contextmanager
def _translated(wanted: Blob | None = None) -> Iterator[None]:
    """Errors of obstore as ours; its `FileNotFoundError` says that what is wanted is missing."""
    try:
        yield
    except BaseError as error:
        said = _said(error)
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or _FORBIDDEN in said:
            raise BlobStoreUnavailable(
                "the blob store refuses us: check the key, its secret, and that it may list, read,"
                f" write and delete there ({said})"
            ) from error
        raise BlobStoreUnavailable(f"the blob store cannot be used: {said}") from error
    except FileNotFoundError as error:
        if wanted is None or _NO_BUCKET in str(error):
            raise BlobStoreUnavailable(f"the blob store is not there: {_said(error)}") from error
        raise BlobMissing(f"blob {wanted.sha256} is not in the blob store") from None


_FORBIDDEN, _NO_BUCKET = "403 Forbidden", "<Code>NoSuchBucket</Code>"


def _said(error: Exception) -> str:
    """In one line: what was asked, and what an S3 server answered."""
    first, _, rest = str(error).partition("\n")
    code = re.search(r"<Code>(.*?)</Code>(?:<Message>(.*?)</Message>)?", rest)
    asked = first.partition("<?xml")[0].rstrip(" :")
    return ", ".join((asked, *filter(None, code.groups()))) if code else asked
