"""Connections to a database with empty read models, one a test: copies of a pattern."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from projections import Pool, open_pool, prepare

_PATTERN = "read_models"


def _url(server_url: str, name: str) -> str:
    return server_url.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def pattern_url(server_url: str) -> str:
    """The URL of a server that holds a database with empty read models."""

    async def make() -> None:
        connection = await asyncpg.connect(server_url)
        await connection.execute(f"create database {_PATTERN} strategy file_copy")
        await connection.close()
        async with open_pool(_url(server_url, _PATTERN)) as pool:
            await prepare(pool)

    asyncio.run(make())
    return server_url


@pytest.fixture
async def pool(pattern_url: str) -> AsyncIterator[Pool]:
    """Connections to a database with empty read models."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(pattern_url)
    await connection.execute(f"create database {name} template {_PATTERN} strategy file_copy")
    async with open_pool(_url(pattern_url, name)) as pool:
        yield pool
    await connection.execute(f"drop database {name} with (force)")
    await connection.close()
