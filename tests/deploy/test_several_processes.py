"""Processes that share a log must find each other's blobs."""

from pathlib import Path

import pytest

from deploy import blobs
from deploy.parts import Part
from deploy.settings import Settings
from deploy.system import running_parts
from projections import open_pool
from projections.processes import BlobsElsewhere, living
from tests.servers import database_url, server_url

__all__ = ["database_url", "server_url"]

DATA, GATEWAY = frozenset({Part.DATA_MANAGER}), frozenset({Part.GATEWAY})


def settings(url: str, data: Path, blobs: str) -> Settings:
    return Settings(data=data, log=url, blobs=blobs, port=0)


async def test_a_folder_serves_one_host_only(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settings(database_url, tmp_path / "a", f"file://{tmp_path}/blobs")
    async with running_parts(DATA, here), open_pool(database_url) as pool:
        async with running_parts(GATEWAY, here):
            assert {process.parts for process in await living(pool)} == {*DATA, *GATEWAY}
        monkeypatch.setattr(blobs, "_BOOT_ID", _boot_id_of_another_host(tmp_path))
        with pytest.raises(BlobsElsewhere, match="must be an object store"):
            async with running_parts(GATEWAY, here):
                pass
        assert {process.parts for process in await living(pool)} == {*DATA}


async def test_one_folder_each_is_refused_where_the_log_is_shared(
    database_url: str, tmp_path: Path
) -> None:
    async with running_parts(DATA, settings(database_url, tmp_path, f"file://{tmp_path}/a")):
        with pytest.raises(BlobsElsewhere, match="data-manager keeps blobs in the folder"):
            async with running_parts(
                GATEWAY, settings(database_url, tmp_path, f"file://{tmp_path}/b")
            ):
                pass


def _boot_id_of_another_host(folder: Path) -> Path:
    file = folder / "boot_id"
    file.write_text("00000000-another-host\n")
    return file
