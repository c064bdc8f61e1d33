"""The blob store: bytes named by their digest, in memory, in a folder and on an S3 server."""

import asyncio
import hashlib
import math
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore
from pydantic import JsonValue

from deploy.blobs import open_blobs
from deploy.settings import Settings
from events.values import INLINE_BYTES, Blob, NotJson
from managers.blob_folder import FolderBlobStore
from managers.blobs import (
    ABANDONED,
    BlobMissing,
    BlobStore,
    BlobStoreUnavailable,
    keep_content,
    keep_document,
    open_document,
)


@pytest.fixture(params=["memory", "folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    match request.param:
        case "memory":
            return BlobStore(MemoryStore())
        case "folder":
            return FolderBlobStore(tmp_path)
        case _:
            return open_blobs(Settings(blobs=request.getfixturevalue("s3").url()))


@pytest.fixture
def folder(tmp_path: Path) -> FolderBlobStore:
    return FolderBlobStore(tmp_path)


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


async def test_what_is_large_comes_in_pieces_and_whole(store: BlobStore) -> None:
    piece = bytes(range(256)) * 4096
    blob = await store.put_stream(chunks(*([piece] * 24), b"end"))
    assert blob.size == 24 * 2**20 + 3
    assert await store.put(piece * 24 + b"end") == blob
    assert hashlib.sha256(await store.get(blob)).hexdigest() == blob.sha256
    passed = hashlib.sha256()
    async for chunk in store.stream(blob):
        passed.update(chunk)
    assert passed.hexdigest() == blob.sha256
    ends = [chunk async for chunk in store.stream(blob, blob.size - 5)]
    assert b"".join(ends) == piece[-2:] + b"end"


async def test_the_same_put_by_many_at_once_is_one(store: BlobStore) -> None:
    half = b"fire" * 2**20
    blobs = await asyncio.gather(
        *(store.put_stream(chunks(half, half)) for _ in range(4)),
        *(store.put(half + half) for _ in range(4)),
        *(asyncio.to_thread(store.put_now, half + half) for _ in range(2)),
    )
    (blob,) = set(blobs)
    assert await store.get(blob) == half + half


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
        await keep_content(store, chunks(large[:9].encode(), large[9:].encode())),
    )
    assert document.json_value is None
    assert content.inline is None
    assert await open_document(store, document) == large
    assert content.blob is not None
    assert await store.get(content.blob) == large.encode()
    assert (content.size, content.sha256) == (len(large), Blob.of(large.encode()).sha256)


async def test_what_is_small_never_comes_near_the_store() -> None:
    away = BlobStore(None)  # type: ignore[arg-type]
    small = b"x" * INLINE_BYTES
    content = await keep_content(away, chunks(small[:9], small[9:]), "text/csv")
    assert (content.media_type, content.inline, content.blob) == ("text/csv", small, None)
    assert (content.size, content.sha256) == (len(small), Blob.of(small).sha256)


@pytest.mark.parametrize("fill", [0, INLINE_BYTES])
async def test_what_json_cannot_say_is_refused_and_where_it_is(store: BlobStore, fill: int) -> None:
    rows: list[JsonValue] = [{"power": 1.0}, {"power": math.nan}]
    value: JsonValue = {"filler": "x" * fill, "rows": rows}
    with pytest.raises(NotJson) as refused:
        await keep_document(store, value, "the result of a step")
    assert str(refused.value) == (
        "the result of a step is not JSON: rows.1.power: Input should be a finite number"
    )


# In a folder.


def place(folder: Path, blob: Blob) -> Path:
    return folder / "sha256" / blob.sha256[:2] / blob.sha256


@pytest.fixture
def synchronized(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, set[str]]]:
    """What was synchronized: each path, and the names in the folder that it is or lies in."""
    seen: list[tuple[Path, set[str]]] = []
    fsync = os.fsync

    def noticed(file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        seen.append((path, {*os.listdir(path if path.is_dir() else path.parent)}))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noticed)
    return seen


@pytest.mark.parametrize("way", ["put", "put_now", "put_stream"])
async def test_bytes_are_on_the_disk_before_they_have_their_name_and_then_the_name_is(
    folder: FolderBlobStore, tmp_path: Path, synchronized: list[tuple[Path, set[str]]], way: str
) -> None:
    await folder.put(b"the folders are there")
    blob = Blob.of(b"fire")
    place(tmp_path, blob).parent.mkdir(exist_ok=True)
    synchronized.clear()
    match way:
        case "put":
            await folder.put(b"fire")
        case "put_now":
            folder.put_now(b"fire")
        case "put_stream":
            await folder.put_stream(chunks(b"fi", b"re"))
    (file, _), (name, there) = synchronized
    assert file.parent == tmp_path / "incoming"
    assert name == place(tmp_path, blob).parent
    assert there == {blob.sha256}
    assert os.listdir(tmp_path / "incoming") == []


async def test_a_new_folder_is_known_for_good_to_the_one_above_it(
    folder: FolderBlobStore, tmp_path: Path, synchronized: list[tuple[Path, set[str]]]
) -> None:
    blob = await folder.put(b"fire")
    folders = {path: there for path, there in synchronized if path.is_dir()}
    assert "sha256" in folders[tmp_path]
    assert folders[tmp_path / "sha256"] == {blob.sha256[:2]}


async def test_the_name_of_what_somebody_else_just_put_is_synchronized_as_well(
    folder: FolderBlobStore, tmp_path: Path, synchronized: list[tuple[Path, set[str]]]
) -> None:
    blob = await folder.put(b"fire")
    synchronized.clear()
    await folder.put(b"fire")
    assert synchronized == [(place(tmp_path, blob).parent, {blob.sha256})]


async def test_a_blob_that_was_cut_is_not_there_and_is_put_anew(
    folder: FolderBlobStore, tmp_path: Path
) -> None:
    blob = await folder.put(b"fire")
    place(tmp_path, blob).write_bytes(b"fi")
    assert not await folder.has(blob)
    await folder.put(b"fire")
    assert await folder.get(blob) == b"fire"


async def test_the_same_holds_in_an_object_store(tmp_path: Path) -> None:
    store = BlobStore(LocalStore(str(tmp_path)))
    blob = await store.put(b"fire")
    place(tmp_path, blob).write_bytes(b"")
    assert not await store.has(blob)
    await store.put(b"fire")
    assert await store.has(blob)


async def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing(
    folder: FolderBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    await folder.put(b"the folders are there")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BlobStoreUnavailable, match="cannot write: No space left"):
        await folder.put(b"fire")
    with pytest.raises(BlobStoreUnavailable, match="No space left"):
        await folder.put_stream(chunks(b"fi", b"re"))
    assert not await folder.has(Blob.of(b"fire"))
    assert os.listdir(tmp_path / "incoming") == []


async def test_a_store_that_is_away_says_so_and_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    for store in (BlobStore(LocalStore(str(root), mkdir=True)), FolderBlobStore(root)):
        blob = await store.put(b"fire")
        root.rename(tmp_path / "elsewhere")
        root.write_text("not a folder")
        for asked in (store.put(b"water"), store.put_stream(chunks(b"wa")), store.get(blob)):
            with pytest.raises(BlobStoreUnavailable, match="the blob store cannot"):
                await asked
        root.unlink()
        (tmp_path / "elsewhere").rename(root)
        assert await store.get(await store.put(b"water")) == b"water"


async def test_what_killed_writers_left_is_removed_when_it_is_old(
    folder: FolderBlobStore, tmp_path: Path
) -> None:
    blob = await folder.put(b"fire")
    (tmp_path / "incoming" / "half").write_bytes(b"fi")
    now = datetime.now(UTC)
    await folder.tidy(now)
    assert os.listdir(tmp_path / "incoming") == ["half"]
    await folder.tidy(now + ABANDONED + timedelta(minutes=1))
    assert os.listdir(tmp_path / "incoming") == []
    assert await folder.get(blob) == b"fire"
