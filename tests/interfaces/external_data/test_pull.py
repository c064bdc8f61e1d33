"""Pulling a source on a period: what is new arrives once, failures are told once and recover."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from obstore.store import MemoryStore
from pydantic import HttpUrl

from events.endpoints import Endpoint
from events.envelope import Rejection
from events.values import IncidentId
from interfaces.external_data.pull import PullHands
from managers.blobs import BlobStore
from managers.endpoints import Endpoints, EndpointState, PullBroke, PullBrought
from managers.runtime import Assignment
from managers.runtime.manager import Input

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
        yield PullHands(session, BlobStore(MemoryStore()), lambda: 1000.0, deadline=0.5)


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
    web_source.answer = web_source.says("a,b\n")
    first = await hands.pull(state(url))
    assert isinstance(first, PullBrought)
    again = await hands.pull(state(url, sha256=str(first.sha256)))
    assert again == PullBrought("feed")


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


async def test_only_news_and_failures_are_told(
    source: tuple[Source, HttpUrl], hands: PullHands
) -> None:
    web_source, url = source
    web_source.answer = web_source.fails(304)
    told: list[Input] = []

    def tell(input: Input) -> asyncio.Future[Rejection | None]:
        told.append(input)
        reply: asyncio.Future[Rejection | None] = asyncio.get_running_loop().create_future()
        reply.set_result(None)
        return reply

    assigned = Assignment("fire", "feed", Endpoints(), state(url), tell)
    work = hands.begin(assigned)
    async with asyncio.timeout(10):
        while not web_source.asked:
            await asyncio.sleep(0)
        web_source.answer = web_source.says("new")
        while not told:
            await asyncio.sleep(0.01)
    work.stop()
    assert [type(one) for one in told] == [PullBrought]
