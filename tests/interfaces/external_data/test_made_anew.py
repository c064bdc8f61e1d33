"""While the table of endpoints is made anew, nobody takes an open endpoint for none."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events.endpoints import Endpoint, EndpointOpened
from events.sensors import Finding
from events.values import Context, IncidentId
from interfaces.external_data.endpoint_cache import EndpointCache
from interfaces.sensors.delivery import Delivery
from managers.blob_folder import FolderBlobStore
from projections import Pool, Reader
from projections.builds import rebuild
from projections.endpoints import PROJECTION
from projections.freshness import Behind
from tests.patience import PATIENCE
from tests.projections.story import START, Story
from tests.projections.tables import all_caught_up, running

FIRE = IncidentId("00000000-0000-4000-8000-000000000001")
NOW = datetime.fromtimestamp(START, UTC)
SHIFT = Finding(feed="weather", rule="wind", key="north", start=NOW, end=NOW, readings=())


async def rebuilding(pool: Pool) -> Story:
    """An endpoint is open, in a table that nobody goes on to make."""
    story = await Story().begin()
    wind = Endpoint(incident=FIRE, name="wind", stage="map", path="wind")
    await story.commit(Context.ENDPOINTS, FIRE, EndpointOpened(endpoint=wind))
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
    async with pool.acquire() as connection:
        await rebuild(connection, PROJECTION)
    return story


async def test_a_push_is_refused_for_now_and_not_for_good(pool: Pool) -> None:
    story = await rebuilding(pool)
    endpoints = EndpointCache(story.log, Reader(pool))
    with pytest.raises(Behind):
        await endpoints.find("wind")
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
        found = await endpoints.find("wind")
        assert found is not None
        assert found.incident == FIRE
        assert await endpoints.find("rain") is None


async def test_what_sensors_found_waits_for_it(pool: Pool, tmp_path: Path) -> None:
    story = await rebuilding(pool)
    delivery = Delivery(story.log, story.clock, lambda: story.now, pool, FolderBlobStore(tmp_path))
    delivering = asyncio.create_task(delivery.deliver([SHIFT], ["wind"]))
    done, _ = await asyncio.wait([delivering], timeout=0.5)
    assert not done
    await shown_as(delivery, "behind the log")
    async with running(story, pool):
        assert await delivering == 1
    assert not delivery.waits.known


async def shown_as(delivery: Delivery, why: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not any(why in wait.reason for wait in delivery.waits.known.values()):
            await asyncio.sleep(0.05)
