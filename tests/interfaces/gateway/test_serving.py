"""Connections that bring no request keep nobody else from being served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web

from interfaces.gateway import EdgeRunner

HALF = b"GET / HT"


async def _answer(request: web.Request) -> web.Response:
    return web.Response(text="here")


@asynccontextmanager
async def served(most: int, patience: float) -> AsyncIterator[int]:
    """The port of a server that answers whoever asks."""
    app = web.Application()
    app.router.add_get("/", _answer)
    runner = EdgeRunner(app, most, patience)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def half_asked(port: int, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections on which half of a request was sent."""
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    try:
        for _, writer in pairs:
            writer.write(HALF)
        yield [reader for reader, _ in pairs]
    finally:
        for _, writer in pairs:
            writer.close()


async def test_half_a_request_is_not_waited_for_for_ever() -> None:
    async with served(10, 0.2) as port, half_asked(port, 1) as (reader,), asyncio.timeout(5):
        assert await reader.read() == b""


async def test_there_are_never_too_many_connections() -> None:
    async with served(3, 60) as port, half_asked(port, 2), ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/") as answer:
            assert await answer.text() == "here"
        async with half_asked(port, 2) as others, asyncio.timeout(5):
            for reader in others:
                try:
                    assert await reader.read() == b""
                except ConnectionResetError:
                    continue
        async with session.get(f"http://127.0.0.1:{port}/") as answer:
            assert await answer.text() == "here"
