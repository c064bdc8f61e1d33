"""The topics of a system that starts while its brokers are slow."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bus import LogUnavailable
from deploy import storage
from deploy.parts import Part, public_publisher
from deploy.settings import Settings
from deploy.storage import open_storage
from interfaces.public import progress
from managers.neighbours import TOPIC
from tests.brokers import distant_kafka, distant_url, proxy
from tests.patience import PATIENCE
from tests.proxy import Proxy
from tests.servers import database_url, server_url

__all__ = ["database_url", "distant_kafka", "distant_url", "proxy", "server_url"]

DEADLINE = 2.0
"""Seconds of any call to the log."""


@pytest.mark.parametrize("topic", [TOPIC, progress.TOPIC])
async def test_topics_have_more_time_than_a_call(
    topic: str, distant_url: str, proxy: Proxy, database_url: str, tmp_path: Path
) -> None:
    """Those of all parts, and those of the public stream."""
    proxy.gates.trap = f"{urlsplit(distant_url).path[1:]}.{topic}".encode()

    async def open_late() -> None:
        await _closed(proxy)
        proxy.gates.trap = None
        await asyncio.sleep(1.5 * DEADLINE)
        proxy.gates.open()

    opening = asyncio.create_task(open_late())
    settings = _settings(distant_url, database_url, tmp_path)
    async with asyncio.timeout(PATIENCE), open_storage(settings) as kept:
        await public_publisher(frozenset({Part.PUBLIC_STREAM}), kept, kept.surroundings())
        assert await kept.log.partitions(topic) > 0
    await opening


async def test_topics_that_never_come_are_given_up_with_a_sentence(
    distant_url: str,
    proxy: Proxy,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage, "_MADE_WITHIN", 1.5 * DEADLINE)
    proxy.gates.trap = TOPIC.encode()
    with pytest.raises(LogUnavailable, match="topics were not made or found within 3 s: no "):
        async with open_storage(_settings(distant_url, database_url, tmp_path)):
            pass


async def _closed(proxy: Proxy) -> None:
    while proxy.gates.requests.is_set():
        await asyncio.sleep(0.01)


def _settings(log: str, database: str, folder: Path) -> Settings:
    return Settings(
        data=folder,
        log=log,
        database=database,
        blobs=f"file://{folder}/blobs",
        append_deadline=DEADLINE,
    )
