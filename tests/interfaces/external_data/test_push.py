"""Pushing data: what is answered 202 is in the log, and nothing else is."""

import asyncio
import gzip
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bus import Doubt, Log, Record
from events.endpoints import Endpoint, EndpointClosed, EndpointOpened, ReceivePush
from events.envelope import Issued, commands_topic, decode_issued
from events.incidents import Arrival, TakeNote
from events.values import INLINE_BYTES, Blob, Context, IncidentId
from interfaces.external_data import refusals
from interfaces.external_data.push import PushSettings
from interfaces.gateway import hash_password
from managers.blob_folder import FolderBlobStore
from managers.blobs import BlobStore, BlobStoreUnavailable
from projections import Pool
from projections.people import keep_credential
from tests.interfaces.gateway.site import CHEAP, Site, open_site
from tests.patience import PATIENCE
from tests.projections.tables import caught_up
from tests.threads import no_threads

FIRE = IncidentId("00000000-0000-4000-8000-000000000001")
PATH = f"hotspots{FIRE}"
SMALL = PushSettings(max_bytes=300_000, deadline=0.5, idle=0.3)


async def opened(site: Site, credential: str | None = None) -> None:
    endpoint = Endpoint(
        incident=FIRE, name="hotspots", stage="map", path=PATH, credential=credential
    )
    event = EndpointOpened(endpoint=endpoint)
    await caught_up(site.edge.reader, await site.story.commit(Context.ENDPOINTS, FIRE, event))


async def closed(site: Site) -> None:
    event = EndpointClosed(name="hotspots")
    await caught_up(site.edge.reader, await site.story.commit(Context.ENDPOINTS, FIRE, event))


async def push(site: Site, data: Any, status: int = 202, query: str = "", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/EDI/{PATH}{query}"
    async with site.client.post(path, data=data, headers=named) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def issued(log: Log) -> list[Issued]:
    records = await log.read(commands_topic(Context.ENDPOINTS), 0, 0)
    return [decode_issued(stored.record) for stored in records]


async def arrivals(log: Log) -> list[Arrival]:
    commands = [command.command for command in await issued(log)]
    return [command.arrival for command in commands if isinstance(command, ReceivePush)]


async def notes(log: Log) -> list[str]:
    records = await log.read(commands_topic(Context.INCIDENTS), 0, 0)
    commands = [decode_issued(stored.record).command for stored in records]
    return [command.note.text for command in commands if isinstance(command, TakeNote)]


async def test_what_is_pushed_is_durable_when_it_is_answered(pool: Pool) -> None:
    async with open_site(pool) as site:
        await opened(site)
        said = await push(site, b"\x00\xff", Content_Type="text/csv; charset=utf-8")
        assert said["msg"] == "Data received"
        (command,) = await issued(site.story.log)
        assert str(command.id) == said["id"]
        (arrival,) = await arrivals(site.story.log)
        assert (arrival.id, arrival.endpoint) == (command.id, "hotspots")
        assert (arrival.content.inline, arrival.content.size) == (b"\x00\xff", 2)
        assert arrival.content.media_type == "text/csv"


async def test_a_blob_store_that_is_full_takes_the_push_later(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_blobs: BlobStore, _chunks: AsyncIterator[bytes]) -> Blob:
        raise BlobStoreUnavailable("the blob store cannot write: No space left on device")

    async with open_site(pool) as site:
        await opened(site)
        with monkeypatch.context() as patch:
            patch.setattr(BlobStore, "put_stream", full)
            await push(site, b"x" * (INLINE_BYTES + 1), 503)
        assert await arrivals(site.story.log) == []
        await push(site, b"x" * (INLINE_BYTES + 1))


async def test_a_process_that_gets_no_threads_takes_the_push_later(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = FolderBlobStore(tmp_path)
    monkeypatch.setattr(BlobStore, "put_stream", lambda _blobs, chunks: folder.put_stream(chunks))
    async with open_site(pool) as site:
        await opened(site)
        with no_threads():
            said = await push(site, b"x" * (INLINE_BYTES + 1), 503)
        assert "short of threads or memory" in said["detail"]
        assert await arrivals(site.story.log) == []
        await push(site, b"x" * (INLINE_BYTES + 1))


async def test_large_bodies_go_to_the_blob_store(pool: Pool) -> None:
    async with open_site(pool) as site:
        await opened(site)
        sizes = (INLINE_BYTES, INLINE_BYTES + 1, 5_000_000)
        for size in sizes:
            await push(site, _chunks(b"x" * size))
        contents = [arrival.content for arrival in await arrivals(site.story.log)]
        assert [content.size for content in contents] == list(sizes)
        assert [content.blob is None for content in contents] == [True, False, False]
        large = contents[2].blob
        assert large == Blob.of(b"x" * 5_000_000)
        assert await site.edge.blobs.has(large)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    for start in range(0, len(data), 50_000):
        yield data[start : start + 50_000]


async def test_a_body_that_is_too_large_is_refused_announced_or_not(pool: Pool) -> None:
    async with open_site(pool, push=SMALL) as site:
        await opened(site)
        data = b"x" * (SMALL.max_bytes + 1)
        await push(site, data, status=413)
        await push(site, _chunks(data), status=413)
        await push(site, data[1:])
        assert len(await arrivals(site.story.log)) == 1


async def test_a_body_that_stalls_is_given_up(pool: Pool) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"some"
        await asyncio.Event().wait()

    async with open_site(pool, push=SMALL) as site:
        await opened(site)
        await push(site, stalling(), status=408)
        await push(site, b"the next good one")


async def test_a_sender_who_hangs_up_hinders_no_writes(pool: Pool) -> None:
    async with open_site(pool) as site:
        await opened(site)
        _, writer = await asyncio.open_connection("127.0.0.1", site.client.port)
        writer.write(
            f"POST /EDI/{PATH} HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n".encode()
        )
        writer.write(b"some")
        await writer.drain()
        writer.close()
        gone = "a push to hotspots was refused: Its sender hung up before all of it was there."
        async with asyncio.timeout(PATIENCE):
            while await notes(site.story.log) != [gone]:
                await asyncio.sleep(0.01)
        async with site.client.get("/health") as response:
            assert (await response.json())["writes"] == "ok"


async def test_nothing_is_not_data(pool: Pool) -> None:
    async with open_site(pool) as site:
        await opened(site)
        await push(site, b"", status=400)
        assert await arrivals(site.story.log) == []


async def test_an_endpoint_is_there_from_its_opening_to_its_closing(pool: Pool) -> None:
    async with open_site(pool) as site:
        await push(site, b"x", status=404)
        await opened(site)
        await push(site, b"x")
        await push(site, b"x")
        await closed(site)
        await push(site, b"x", status=404)
        await opened(site)
        await push(site, b"x")


async def test_a_known_path_asks_no_table(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_table(*_: object) -> None:
        raise AssertionError("the table was asked")

    async with open_site(pool) as site:
        await opened(site)
        await push(site, b"x")
        monkeypatch.setattr("interfaces.external_data.endpoint_cache.find_endpoint", no_table)
        await push(site, b"x")


async def test_a_secret_is_asked_for_where_one_is_wanted(pool: Pool) -> None:
    async with open_site(pool) as site:
        await keep_credential(pool, "endpoint", "satellite", hash_password("s3cret", CHEAP))
        await opened(site, credential="satellite")
        await push(site, b"x", Authorization="Bearer s3cret")
        await push(site, b"x", query="?key=s3cret")
        await push(site, b"x", status=401)
        await push(site, b"x", status=401, Authorization="Bearer secret")
        await push(site, b"x", status=401, Authorization="Basic s3cret")
        await push(site, b"x", status=401, query="?key=")
        await push(site, b"x", status=401, query="?key=guess")
        await push(site, b"x", status=429, query="?key=guess")


async def test_guesses_at_once_are_bounded_and_hinder_nobody_who_knows(pool: Pool) -> None:
    async def guess(site: Site, key: str) -> int:
        async with site.client.post(f"/EDI/{PATH}?key={key}", data=b"x") as response:
            return response.status

    async with open_site(pool) as site:
        await keep_credential(pool, "endpoint", "satellite", hash_password("s3cret", CHEAP))
        await opened(site, credential="satellite")
        answers = await asyncio.gather(*(guess(site, "s3cret") for _ in range(20)))
        assert set(answers) == {202}
        answers = await asyncio.gather(*(guess(site, f"guess{n}") for n in range(20)))
        assert Counter(answers) == {401: 5, 429: 15}


async def test_a_secret_that_was_never_set_lets_nobody_in(pool: Pool) -> None:
    async with open_site(pool) as site:
        await opened(site, credential="missing")
        await push(site, b"x", status=401)


async def test_the_senders_key_is_the_id(pool: Pool) -> None:
    async with open_site(pool) as site:
        await opened(site)
        key = str(uuid4())
        for _ in range(2):
            assert (await push(site, b"x", Idempotency_Key=key))["id"] == key
        assert [arrival.id for arrival in await arrivals(site.story.log)] == [UUID(key)] * 2
        await push(site, b"x", status=400, Idempotency_Key="7")


async def test_a_senders_key_is_bound_to_what_it_was_first_used_for(pool: Pool) -> None:
    async with open_site(pool) as site:
        await opened(site)
        key = str(uuid4())
        await push(site, b"one", Idempotency_Key=key)
        said = await push(site, b"two", status=409, Idempotency_Key=key)
        assert "used for something else" in said["detail"]
        await push(site, b"one", status=409, Idempotency_Key=key, Content_Type="text/csv")
        await push(site, b"one", Idempotency_Key=key)
        found = [arrival.content.inline for arrival in await arrivals(site.story.log)]
        assert found == [b"one", b"one"]


async def test_an_encoded_body_is_decoded(pool: Pool) -> None:
    async with open_site(pool, push=SMALL) as site:
        await opened(site)
        await push(site, gzip.compress(b"warm"), Content_Encoding="gzip")
        await push(site, zlib.compress(b"hot"), Content_Encoding="deflate")
        await push(site, gzip.compress(b"tw") + gzip.compress(b"ice"), Content_Encoding="gzip")
        await push(site, b"plain", Content_Encoding="identity")
        found = [arrival.content.inline for arrival in await arrivals(site.story.log)]
        assert found == [b"warm", b"hot", b"twice", b"plain"]
        bomb = gzip.compress(bytes(SMALL.max_bytes + 1))
        await push(site, bomb, status=413, Content_Encoding="gzip")


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"x" * 99)[:-12]], ids=["no", "cut"])
async def test_a_broken_encoding_is_refused(pool: Pool, body: bytes) -> None:
    async with open_site(pool) as site:
        await opened(site)
        said = await push(site, body, status=400, Content_Encoding="gzip")
        assert "Content-Encoding" in said["detail"]
        assert await arrivals(site.story.log) == []


@pytest.mark.parametrize("coding", ["zstd", "br", "compress", "gzip, gzip"])
async def test_an_unknown_encoding_is_refused(pool: Pool, coding: str) -> None:
    async with open_site(pool) as site:
        await opened(site)
        said = await push(site, b"x", status=415, Content_Encoding=coding)
        assert "gzip or deflate" in said["detail"]
        assert await arrivals(site.story.log) == []


async def test_nobody_knows_is_said_with_the_key_to_try_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def doubtful(_topic: str, _partition: int, _records: Sequence[Record]) -> int:
        raise Doubt("no acknowledgement came")

    async def silent(_topic: str, _partition: int, _records: Sequence[Record]) -> int:
        await asyncio.Event().wait()
        return 0

    async with open_site(pool, push=SMALL) as site:
        await opened(site)
        for append in (doubtful, silent):
            with monkeypatch.context() as patch:
                patch.setattr(site.story.log, "append", append)
                problem = await push(site, b"x", status=503)
            again = await push(site, b"x", Idempotency_Key=problem["command"])
            assert again["id"] == problem["command"]


async def test_lines_of_a_push_say_which_whose_and_what_arrived(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    async with open_site(pool) as site:
        await opened(site)
        id = str(uuid4())
        monkeypatch.setattr("interfaces.external_data.push.issue", broken)
        with capture_logs([merge_contextvars]) as lines:
            await push(site, b"x", 500, Idempotency_Key=id)
    (line,) = [one for one in lines if one["event"] == "request failed"]
    said = [line.get(name) for name in ("cause", "incident", "correlation")]
    assert said == [f"POST /EDI/{PATH}", FIRE, id]


async def test_refusals_are_all_told_though_no_push_follows(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "LOOK", 0.02)
    async with open_site(pool) as site:
        await opened(site)
        for _ in range(refusals.EACH + 3):
            await push(site, b"", status=400)
        site.story.now += refusals.WINDOW
        async with asyncio.timeout(PATIENCE):
            more = "3 more pushes to hotspots were refused"
            while (told := await notes(site.story.log))[-1] != more:
                await asyncio.sleep(0.01)
        assert len(told) == refusals.EACH + 1
