"""From an empty PostgreSQL everything comes back from the log alone."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.parts import ALL, Part
from deploy.settings import Settings
from deploy.system import running_parts
from events.incidents import ArchiveIncident
from events.values import Context
from interfaces.issuing import Write, issue, outcome
from projections import Reader, open_pool, open_reader
from tests.chaos.player import INCIDENT, Player
from tests.patience import PATIENCE
from tests.projections.tables import contents
from tests.servers import database_url, server_url

__all__ = ["database_url", "server_url"]

PROJECTIONS = frozenset({Part.PROJECTIONS})


@pytest.fixture(params=["kafka", "postgres"])
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Settings:
    log = request.getfixturevalue("kafka_url") if request.param == "kafka" else database_url
    return Settings(
        data=tmp_path,
        log=log,
        database=database_url,
        blobs=f"file://{tmp_path}/blobs",
        port=0,
        workflows="tests.chaos.drill:drill",
    )


async def test_read_models_and_managers_are_as_they_were(
    settings: Settings, tmp_path: Path
) -> None:
    witness = tmp_path / "witness"
    witness.mkdir()
    async with running_parts(ALL, settings) as system:
        await Player(system, witness).play()
    originals = await _read_models(settings)
    assert settings.database
    async with open_pool(settings.database) as pool:
        await pool.execute("drop schema vestec_read, vestec_private cascade")
    assert await _read_models(settings) == originals
    await _archive(settings)


async def _read_models(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """Their tables, once they hold all that the log does."""
    async with running_parts(PROJECTIONS, settings) as system:
        player = Player(system, settings.data)
        await player.until_all_is_taken_in()
        return await contents(system.storage.pool)


async def _archive(settings: Settings) -> None:
    """A manager that did not know how the incident ended would refuse it."""
    wanted = Write(uuid4(), Context.INCIDENTS, INCIDENT, ArchiveIncident())
    async with running_parts(ALL, settings) as system:
        storage = system.storage
        async with open_reader(Reader(storage.pool)) as reader, asyncio.timeout(PATIENCE):
            place = await issue(storage.log, storage.clock, wanted, "test")
            assert (await outcome(reader, wanted, "test", place)).accepted
