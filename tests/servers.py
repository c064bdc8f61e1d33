"""Real PostgreSQL servers for tests: one a session, with a database a test, and some to kill."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from deploy.embedded import EmbeddedServer
from tests.room import short_folder

_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a server without durability that runs for the session."""
    with short_folder() as parent, asyncio.Runner() as runner:
        server = EmbeddedServer.open(parent / "data", options=_FAST)
        yield runner.run(server.__aenter__()).url
        runner.run(server.__aexit__(None, None, None))


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


def socket_of(url: str) -> Path:
    """Where the server of an embedded database listens."""
    (folder,) = parse_qs(urlsplit(url).query)["host"]
    return Path(folder, ".s.PGSQL.5432")


def reached_at(url: str, socket: Path) -> str:
    """The URL of the same database by another socket."""
    return url.replace(quote(str(socket_of(url).parent), safe="/"), str(socket.parent))


class MortalServer:
    """A durable server of its own, which can be killed, stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = AsyncExitStack()
        self.url = ""

    async def start(self) -> None:
        server = await self._running.enter_async_context(EmbeddedServer.open(self._folder))
        self.url = server.url

    async def stop(self) -> None:
        """In order."""
        await self._running.aclose()

    def kill(self) -> None:
        """All its processes at once, as when the machine loses power."""
        postmaster = int((self._folder / "postgresql/data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
async def mortal_server() -> AsyncIterator[MortalServer]:
    """A durable server of the test's own, started."""
    with short_folder() as parent:
        server = MortalServer(parent / "data")
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
