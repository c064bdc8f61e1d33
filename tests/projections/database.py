"""A real PostgreSQL for tests: one server a session, one empty database a test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import pytest

from deploy.embedded import EmbeddedServer
from projections import Pool, open_pool

_FAST = {"fsync": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a server that runs for the session."""

    async def start(folder: Path) -> str:
        async with EmbeddedServer.open(folder, options=_FAST, stop=False) as server:
            return server.url

    async def stop(folder: Path) -> None:
        async with EmbeddedServer.open(folder):
            pass

    with TemporaryDirectory(prefix="v", dir="/tmp") as parent:
        folder = Path(parent, "data")
        url = asyncio.run(start(folder))
        try:
            yield url
        finally:
            asyncio.run(stop(folder))


@pytest.fixture
async def database_url(server_url: str) -> AsyncIterator[str]:
    """The URL of an empty database."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"create database {name} strategy file_copy")
    try:
        yield server_url.replace("/postgres?", f"/{name}?")
    finally:
        await connection.execute(f"drop database {name} with (force)")
        await connection.close()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to an empty database."""
    async with open_pool(database_url) as pool:
        yield pool
