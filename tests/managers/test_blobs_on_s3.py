"""The blob store on an S3 server: one that is away, and one that does not let us in."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.blobs import open_blobs
from deploy.settings import Settings
from events.values import Blob
from managers.blobs import ABANDONED, BlobStoreUnavailable
from tests.s3 import SECRET, S3Server


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_server_that_is_away_says_so_and_comes_back(mortal_s3: S3Server) -> None:
    store = open_blobs(Settings(blobs=mortal_s3.url()))
    blob = await store.put(b"fire")
    mortal_s3.kill()
    for asked in (store.put(b"water"), store.put_stream(chunks(b"wa")), store.get(blob)):
        with pytest.raises(BlobStoreUnavailable, match=r"cannot be used: .*error sending request"):
            await asked
    await mortal_s3.start()
    assert await store.get(blob) == b"fire"
    assert await store.get(await store.put(b"water")) == b"water"


@pytest.mark.parametrize("wrong", [{"secret": "guessed/+="}, {"key": "nobody"}])
async def test_a_key_that_is_wrong_is_told_in_a_sentence_without_its_secret(
    s3: S3Server, wrong: dict[str, str]
) -> None:
    store = open_blobs(Settings(blobs=s3.url(**wrong)))
    blob = Blob.of(b"fire")
    for asked in (
        store.put(b"fire"),
        store.put_stream(chunks(b"fi")),
        store.get(blob),
        store.has(blob),
        store.tidy(datetime.now(UTC)),
    ):
        with pytest.raises(BlobStoreUnavailable, match="refuses us: check the key") as refused:
            await asked
        assert not any(secret in str(refused.value) for secret in ("guessed", SECRET))


async def test_a_bucket_that_nobody_made_is_told(s3: S3Server) -> None:
    store = open_blobs(Settings(blobs=s3.url(bucket="nobodys")))
    with pytest.raises(BlobStoreUnavailable, match="NoSuchBucket"):
        await store.get(Blob.of(b"fire"))
    with pytest.raises(BlobStoreUnavailable, match="NoSuchBucket"):
        await store.tidy(datetime.now(UTC))
    with pytest.raises(BlobStoreUnavailable):
        await store.put(b"fire")


async def test_what_killed_writers_left_on_a_server_is_removed_when_it_is_old(s3: S3Server) -> None:
    url = s3.url()
    store = open_blobs(Settings(blobs=url))
    blob = await store.put(b"fire")
    left = s3.store(url)
    await left.put_async("incoming/half", b"fi")
    now = datetime.now(UTC)
    await store.tidy(now)
    assert await left.get_async("incoming/half")
    await store.tidy(now + ABANDONED + timedelta(minutes=1))
    with pytest.raises(FileNotFoundError):
        await left.get_async("incoming/half")
    assert await store.get(blob) == b"fire"
