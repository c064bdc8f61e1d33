"""Connections to an empty database for a test."""

from collections.abc import AsyncIterator

import pytest

from projections import Pool, open_pool, prepare


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to a database with empty read models."""
    async with open_pool(database_url) as pool:
        await prepare(pool)
        yield pool
