"""Connections that bring no request keep nobody else from being served."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientConnectionError, ClientSession, web

from interfaces.gateway import EdgeRunner, GatewaySettings, gateway
from projections import Pool
from tests.interfaces.gateway.site import open_site
from tests.patience import PATIENCE

HALF = b"GET / HT"
WITHOUT_BODY = b"POST /api/v1/login HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n"


async def _large(request: web.Request) -> web.Response:
    return web.Response(body=bytes(1 << 23))


async def _answer(request: web.Request) -> web.Response:
    return web.Response(text="here")


def answering() -> web.Application:
    """It answers whoever asks."""
    app = web.Application()
    app.router.add_get("/", _answer)
    return app


@asynccontextmanager
async def served(
    most: int, patience: float, app: web.Application | None = None
) -> AsyncIterator[int]:
    """The port of a server, which reads on for a moment after an answer."""
    runner = EdgeRunner(app or answering(), most, patience, lingering_time=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def half_asked(
    port: int, count: int, half: bytes = HALF
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections on which half of a request was sent."""
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    try:
        for _, writer in pairs:
            writer.write(half)
        yield [reader for reader, _ in pairs]
    finally:
        for _, writer in pairs:
            writer.close()


async def test_half_a_request_is_not_waited_for_for_ever() -> None:
    async with served(10, 0.2) as port, half_asked(port, 1) as (reader,), asyncio.timeout(PATIENCE):
        assert await reader.read() == b""


async def test_there_are_never_too_many_connections() -> None:
    async with served(3, 10 * PATIENCE) as port, half_asked(port, 2), ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/") as answer:
            assert await answer.text() == "here"
        async with half_asked(port, 2) as others, asyncio.timeout(PATIENCE):
            for reader in others:
                try:
                    assert await reader.read() == b""
                except ConnectionResetError:
                    continue
        async with session.get(f"http://127.0.0.1:{port}/") as answer:
            assert await answer.text() == "here"


async def test_a_body_that_does_not_come_keeps_no_connection(pool: Pool) -> None:
    async with open_site(pool, GatewaySettings(body_deadline=0.3)) as site:
        app = gateway(site.edge)
        async with served(2, 60, app) as port, half_asked(port, 2, WITHOUT_BODY) as silent:
            async with asyncio.timeout(PATIENCE):
                answers = [(await reader.read()).decode() for reader in silent]
            for answer in answers:
                assert answer.startswith("HTTP/1.1 408 ")
                assert "Connection: close" in answer
                assert "did not come in time" in answer
            async with (
                ClientSession() as session,
                session.get(f"http://127.0.0.1:{port}/nowhere") as found,
            ):
                assert found.status == 404


async def test_a_body_that_trickles_in_is_given_up(pool: Pool) -> None:
    async with open_site(pool, GatewaySettings(body_deadline=0.5)) as site:

        async def trickle() -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.05)

        async with (
            asyncio.timeout(PATIENCE),
            site.client.post("/api/v1/login", data=trickle()) as found,
        ):
            assert found.status == 408


async def test_who_takes_an_answer_slowly_gets_all_of_it() -> None:
    """So much that the buffers of the kernel, which take on by the megabyte, hold little of it."""
    app, size, patience = answering(), 1 << 26, 1.0

    async def huge(request: web.Request) -> web.Response:
        return web.Response(body=bytes(size))

    app.router.add_get("/huge", huge)
    asking = b"GET /huge HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    async with served(1, patience, app) as port, half_asked(port, 1, asking) as (reader,):
        taken, began = 0, time.monotonic()
        while part := await reader.read(1 << 18):
            taken += len(part)
            await asyncio.sleep(0.01)
    assert taken > size
    assert time.monotonic() - began > 2 * patience


async def test_who_takes_no_answers_keeps_no_connection() -> None:
    app = answering()
    asking = b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n" * 20
    app.router.add_get("/large", _large)
    async with (
        served(1, 0.5, app) as port,
        half_asked(port, 1, asking),
        ClientSession() as session,
        asyncio.timeout(PATIENCE),
    ):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/") as answer:
                    assert await answer.text() == "here"
                    return
            except ClientConnectionError:
                await asyncio.sleep(0.1)
