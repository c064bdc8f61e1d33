"""Data folders for the embedded server's tests: short-lived, and with no server left in them."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deploy.embedded.cluster import Cluster
from deploy.embedded.server import EmbeddedServer
from deploy.embedded.settings import OPTIONS
from tests.patience import PATIENCE
from tests.room import ROOM, short_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that is still to be made, below one of mode 0700."""
    with TemporaryDirectory(prefix="v", dir=ROOM, ignore_cleanup_errors=True) as parent:
        yield Path(parent, "data")
        if Path(parent, "data", "postgresql").exists():
            asyncio.run(_end_server(Path(parent, "data", "postgresql")))


@pytest.fixture
def cluster(folder: Path) -> Cluster:
    """What lies in `folder`, or will."""
    return Cluster(folder / "postgresql", OPTIONS)


async def _end_server(home: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        await Cluster(home, OPTIONS).stop()


@pytest.fixture(scope="session")
def pattern() -> Iterator[Path]:
    async def make(folder: Path) -> None:
        async with EmbeddedServer.open(folder):
            pass

    with short_folder() as parent:
        asyncio.run(make(parent / "data"))
        yield parent / "data"


@pytest.fixture
def made(folder: Path, pattern: Path) -> Path:
    """A data folder with a database in it and no server: a copy, since `initdb` takes a second."""
    subprocess.run([shutil.which("cp") or "cp", "-a", pattern, folder], check=True)
    return folder
