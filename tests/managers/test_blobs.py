"""The blob store: bytes named by their digest, in memory and in a folder."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore, ObjectStore
from pydantic import JsonValue

from events.values import INLINE_BYTES, Blob, NotJson
from managers.blobs import (
    BlobMissing,
    BlobStore,
    keep_content,
    keep_document,
    open_content,
    open_document,
)


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    made: ObjectStore = MemoryStore() if request.param == "memory" else LocalStore(str(tmp_path))
    return BlobStore(made)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_what_is_put_is_got(store: BlobStore) -> None:
    blob = await store.put(b"fire")
    assert blob == Blob.of(b"fire")
    assert await store.get(blob) == b"fire"
    assert store.get_now(blob) == b"fire"


async def test_a_stream_is_named_like_its_whole(store: BlobStore) -> None:
    assert await store.put_stream(chunks(b"fi", b"", b"re")) == await store.put(b"fire")


async def test_an_empty_stream_is_the_empty_blob(store: BlobStore) -> None:
    blob = await store.put_stream(chunks())
    assert (blob.size, await store.get(blob)) == (0, b"")


async def test_a_part_is_streamed(store: BlobStore) -> None:
    data = bytes(range(256)) * 10_000
    blob = await store.put(data)
    part = b"".join([chunk async for chunk in store.stream(blob, 1_000_000, 2_500_000)])
    assert part == data[1_000_000:2_500_000]


async def test_a_stream_that_breaks_leaves_nothing_under_its_name(store: BlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"fi"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put_stream(broken())
    assert not await store.has(Blob.of(b"fi"))


async def test_what_is_missing_says_so(store: BlobStore) -> None:
    nowhere = Blob.of(b"never put")
    with pytest.raises(BlobMissing, match=nowhere.sha256):
        await store.get(nowhere)
    with pytest.raises(BlobMissing):
        store.get_now(nowhere)


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner)))
def test_documents_come_back(value: object) -> None:
    async def there_and_back() -> object:
        store = BlobStore(MemoryStore())
        return await open_document(store, await keep_document(store, value, "it"))  # type: ignore[arg-type]

    assert asyncio.run(there_and_back()) == value


async def test_what_is_large_leaves_only_its_digest(store: BlobStore) -> None:
    large = "x" * (INLINE_BYTES + 1)
    document, content = (
        await keep_document(store, large, "it"),
        await keep_content(store, large.encode()),
    )
    assert document.json_value is None
    assert content.inline is None
    assert await open_document(store, document) == large
    assert await open_content(store, content) == large.encode()


@pytest.mark.parametrize("fill", [0, INLINE_BYTES])
async def test_what_json_cannot_say_is_refused_and_where_it_is(store: BlobStore, fill: int) -> None:
    rows: list[JsonValue] = [{"power": 1.0}, {"power": math.nan}]
    value: JsonValue = {"filler": "x" * fill, "rows": rows}
    with pytest.raises(NotJson) as refused:
        await keep_document(store, value, "the result of a step")
    assert str(refused.value) == (
        "the result of a step is not JSON: rows.1.power: Input should be a finite number"
    )
