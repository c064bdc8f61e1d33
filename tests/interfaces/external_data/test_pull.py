"""Pulling a source on a period: what is new arrives once, failures are told once and recover."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from obstore.store import MemoryStore
from pydantic import HttpUrl
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from events.endpoints import Endpoint
from events.envelope import Rejection
from events.values import INLINE_BYTES, Blob, Event, IncidentId
from interfaces.external_data.pull import PullHands
from managers.blobs import BlobStore, BlobStoreUnavailable
from managers.endpoints import Endpoints, EndpointState, PullBroke, PullBrought, endpoint_manager
from managers.runtime import Assignment, Decided, Given
from managers.runtime.manager import Input
from tests.patience import PATIENCE

LIMIT = 300_000
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Source:
    """A web server whose next answer a test decides."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: Answer = self.says("nothing")

    @staticmethod
    def says(text: str, **headers: str) -> Answer:
        async def answer(_request: web.Request) -> web.StreamResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.Response(text=text, headers=named)

        return answer

    @staticmethod
    def fails(status: int) -> Answer:
        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status)

        return answer

    async def asked_again(self) -> None:
        """Wait for some pulls."""
        asked = len(self.asked)
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < asked + 5:
                await asyncio.sleep(0)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.headers))
        return await self.answer(request)


@pytest.fixture
async def source() -> AsyncIterator[tuple[Source, HttpUrl]]:
    made = Source()
    app = web.Application()
    app.router.add_get("/feed", made.handle)
    async with TestServer(app) as server:
        yield made, HttpUrl(str(server.make_url("/feed")))


@pytest.fixture
async def hands() -> AsyncIterator[PullHands]:
    async with aiohttp.ClientSession() as session:
        yield PullHands(
            session, BlobStore(MemoryStore()), lambda: 1000.0, deadline=0.5, max_bytes=LIMIT
        )


def state(url: HttpUrl, **known: str) -> EndpointState:
    endpoint = Endpoint(
        incident=IncidentId("fire"), name="feed", stage="hotspots", url=url, period=1.0
    )
    return replace(EndpointState(endpoint), **known)  # type: ignore[arg-type]


async def test_what_a_source_has_arrives(source: tuple[Source, HttpUrl], hands: PullHands) -> None:
    web_source, url = source
    web_source.answer = web_source.says("a,b\n", ETag='"1"', Last_Modified="yesterday")
    brought = await hands.pull(state(url))
    assert isinstance(brought, PullBrought)
    assert brought.arrival is not None
    assert brought.arrival.content.inline == b"a,b\n"
    assert (brought.etag, brought.last_modified) == ('"1"', "yesterday")


async def test_an_answer_with_nothing_in_it_is_a_failure(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source
    web_source.answer = web_source.says("")
    assert await hands.pull(state(url)) == PullBroke(
        "feed", "the source answered with nothing in it"
    )


async def test_headers_that_are_no_text_keep_nothing_from_arriving(hands: PullHands) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.0 200 OK\r\nETag: \xff\r\nLast-Modified: \xfe\r\nContent-Type: a/\xfd\r\n"
        writer.write(head + b"\r\na,b\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        brought = await hands.pull(state(HttpUrl(f"http://127.0.0.1:{port}/")))
    assert isinstance(brought, PullBrought)
    assert brought.arrival is not None
    assert brought.arrival.content.media_type == "application/octet-stream"
    assert (brought.etag, brought.last_modified) == (None, None)


async def test_the_source_is_asked_with_what_is_known(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source
    web_source.answer = web_source.fails(304)
    brought = await hands.pull(state(url, etag='"1"', last_modified="yesterday"))
    assert brought == PullBrought("feed")
    assert web_source.asked[0]["If-None-Match"] == '"1"'
    assert web_source.asked[0]["If-Modified-Since"] == "yesterday"


async def test_the_same_bytes_again_are_nothing_new(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source
    web_source.answer = web_source.says("a,b\n", ETag='"1"')
    first = await hands.pull(state(url))
    assert isinstance(first, PullBrought)
    again = await hands.pull(state(url, sha256=str(first.sha256)))
    assert again == replace(first, arrival=None)


async def test_what_is_large_goes_to_the_blob_store(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source
    web_source.answer = web_source.says("x" * 100_000)
    brought = await hands.pull(state(url))
    assert isinstance(brought, PullBrought)
    assert brought.arrival is not None
    assert brought.arrival.content.inline is None
    assert brought.arrival.content.blob is not None


async def test_a_source_that_refuses_is_a_failure_with_a_reason(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source
    web_source.answer = web_source.fails(503)
    assert await hands.pull(state(url)) == PullBroke("feed", "the source answered 503")


async def test_a_source_that_hangs_costs_its_own_deadline_only(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source

    async def hang(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    web_source.answer = hang
    broke = await hands.pull(state(url))
    assert broke == PullBroke("feed", "no whole answer within 0.5 s")


async def test_nobody_listening_is_a_failure_too(hands: PullHands, unused_tcp_port: int) -> None:
    broke = await hands.pull(state(HttpUrl(f"http://127.0.0.1:{unused_tcp_port}/feed")))
    assert isinstance(broke, PullBroke)
    assert "ClientConnectorError" in broke.reason


async def test_what_is_too_large_is_a_failure_whether_announced_or_not(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 100_000)

    for answer in (web_source.says("x" * (LIMIT + 1)), endless):
        web_source.answer = answer
        broke = await hands.pull(state(url))
        assert broke == PullBroke("feed", f"the source has more than the {LIMIT} bytes we take")
    web_source.answer = web_source.says("x" * LIMIT)
    assert isinstance(await hands.pull(state(url)), PullBrought)


async def test_a_blob_store_that_is_full_is_a_failure_with_a_reason(
    source: tuple[Source, HttpUrl], hands: PullHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_blobs: BlobStore, _chunks: AsyncIterator[bytes]) -> Blob:
        raise BlobStoreUnavailable("No space left on device")

    monkeypatch.setattr(BlobStore, "put_stream", full)
    web_source, url = source
    web_source.answer = web_source.says("x" * (INLINE_BYTES + 1))
    assert await hands.pull(state(url)) == PullBroke("feed", "No space left on device")


class Owner:
    """Decides what hands tell, and lets their work know."""

    def __init__(self, hands: PullHands, url: HttpUrl) -> None:
        self.told: list[Input] = []
        self.hands, self.manager = hands, endpoint_manager(hands.begin)
        quick = state(url).endpoint.model_copy(update={"period": 0.01})
        self.state = Endpoints({"feed": EndpointState(quick)})

    def begin(self) -> None:
        """Start the work, as after a takeover."""
        item = self.state.by_name["feed"]
        assigned = Assignment("fire", "feed", self.state, item, self.tell)
        self.work = self.hands.begin(assigned)

    def tell(self, input: Input) -> asyncio.Future[Rejection | None]:
        self.told.append(input)
        id = UUID(int=len(self.told))
        given = Given(id, 1000.0, "system", "endpoints.work", id)
        effects = self.manager.decide(self.state, input, given)
        assert not isinstance(effects, Decided)
        for effect in effects:
            if isinstance(effect, Event):
                self.state = self.manager.evolve(self.state, effect) or Endpoints()
        self.work.update(self.state.by_name["feed"])
        reply: asyncio.Future[Rejection | None] = asyncio.get_running_loop().create_future()
        reply.set_result(None)
        return reply


async def test_the_same_bytes_under_another_tag_are_fetched_once(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source
    fetched: list[str] = []

    def has(text: str, tag: str) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            if request.headers.get("If-None-Match") == tag:
                return web.Response(status=304)
            fetched.append(tag)
            return web.Response(text=text, headers={"ETag": tag})

        return answer

    owner = Owner(hands, url)
    owner.begin()
    for text, tag in (("a", '"1"'), ("a", '"2"'), ("b", '"3"'), ("a", '"4"'), ("a", '"5"')):
        web_source.answer = has(text, tag)
        await web_source.asked_again()
    owner.work.stop()
    assert fetched == ['"1"', '"2"', '"3"', '"4"', '"5"']
    assert [told.etag for told in owner.told if isinstance(told, PullBrought)] == [
        '"1"',
        '"3"',
        '"4"',
    ]


async def test_only_what_changed_is_told(source: tuple[Source, HttpUrl], hands: PullHands) -> None:
    web_source, url = source
    web_source.answer = web_source.fails(304)
    owner = Owner(hands, url)
    owner.begin()
    some_pulls = web_source.asked_again
    await some_pulls()
    assert owner.told == []
    web_source.answer = web_source.says("new")
    await some_pulls()
    web_source.answer = web_source.fails(503)
    await some_pulls()
    owner.work.stop()
    owner.begin()
    await some_pulls()
    web_source.answer = web_source.fails(404)
    await some_pulls()
    web_source.answer = web_source.fails(304)
    await some_pulls()
    owner.work.stop()
    brought, *rest = owner.told
    assert isinstance(brought, PullBrought)
    assert brought.arrival
    assert rest == [
        PullBroke("feed", "the source answered 503"),
        PullBroke("feed", "the source answered 404"),
        PullBrought("feed"),
    ]


async def test_lines_of_a_pull_say_whose_and_which(
    hands: PullHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_state: EndpointState) -> PullBroke:
        raise RuntimeError("nobody thought of this")

    def tell(_input: Input) -> "asyncio.Future[Rejection | None]":
        return asyncio.get_running_loop().create_future()

    monkeypatch.setattr(hands, "pull", broken)
    item = state(HttpUrl("http://feed.example/with/a/key"))
    with capture_logs([merge_contextvars]) as lines:
        work = hands.begin(Assignment("fire", "feed", Endpoints({"feed": item}), item, tell))
        async with asyncio.timeout(PATIENCE):
            while not lines:
                await asyncio.sleep(0)
        work.stop()
    (line,) = lines
    assert (line["incident"], line["cause"]) == ("fire", "endpoints.work/feed")
