"""Processes that share a log must find each other's blobs."""

import asyncio
import re
from pathlib import Path

import pytest

from bus.tasks import first
from deploy import blobs
from deploy.parts import Part
from deploy.settings import Settings
from deploy.system import running_parts
from managers.neighbours import BlobsElsewhere
from projections import open_pool
from projections.processes import living
from tests.brokers import kafka, kafka_url
from tests.patience import PATIENCE
from tests.servers import database_url, server_url

__all__ = ["database_url", "kafka", "kafka_url", "server_url"]

DATA, GATEWAY = frozenset({Part.DATA_MANAGER}), frozenset({Part.GATEWAY})


def settings(url: str, data: Path, blobs: str) -> Settings:
    return Settings(data=data, log=url, blobs=blobs, port=0)


async def refusal(settings: Settings) -> str:
    """Why a process ends, at once or as soon as others object."""
    with pytest.raises((BlobsElsewhere, BaseExceptionGroup)) as ended:
        async with asyncio.timeout(PATIENCE), running_parts(GATEWAY, settings):
            await asyncio.Event().wait()
    error = first(ended.value)
    assert isinstance(error, BlobsElsewhere)
    return str(error)


async def test_a_folder_serves_one_host_only(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settings(database_url, tmp_path / "a", f"file://{tmp_path}/blobs")
    async with running_parts(DATA, here), open_pool(database_url) as pool:
        async with running_parts(GATEWAY, here):
            assert {process.parts for process in await living(pool)} == {*DATA, *GATEWAY}
        monkeypatch.setattr(blobs, "_BOOT_ID", _boot_id_of_another_host(tmp_path))
        assert "must be an object store" in await refusal(here)
        assert {process.parts for process in await living(pool)} == {*DATA}


async def test_one_folder_each_is_refused_where_the_log_is_shared(
    database_url: str, tmp_path: Path
) -> None:
    async with running_parts(DATA, settings(database_url, tmp_path, f"file://{tmp_path}/a")):
        said = await refusal(settings(database_url, tmp_path, f"file://{tmp_path}/b"))
        assert re.search("data-manager keeps blobs in the folder .*/a of host", said)


async def test_two_hosts_that_have_nothing_in_common_but_kafka(
    kafka_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with a database of its own; when the first is gone, the other one can replace it."""
    here, there = (
        settings(kafka_url, folder / host, f"file://{folder}/blobs") for host in ("one", "two")
    )
    this_host = blobs._BOOT_ID
    async with running_parts(DATA, here):
        async with running_parts(GATEWAY, here):
            pass
        monkeypatch.setattr(blobs, "_BOOT_ID", _boot_id_of_another_host(folder))
        assert "on several hosts that must be an object store" in await refusal(there)
    async with running_parts(DATA, there):
        monkeypatch.setattr(blobs, "_BOOT_ID", this_host)
        assert "data-manager keeps blobs in the folder" in await refusal(here)


def _boot_id_of_another_host(folder: Path) -> Path:
    file = folder / "boot_id"
    file.write_text("00000000-another-host\n")
    return file
