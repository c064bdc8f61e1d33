"""The logs that benchmarks run on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bus import Log, MemoryLog
from bus.postgres import PostgresLog
from deploy.embedded import EmbeddedServer


@asynccontextmanager
async def database(engine: str) -> AsyncIterator[str]:
    """The URL of the database of `postgres`, as `vestec up` would run it, or of the given URL."""
    if engine != "postgres":
        yield engine
        return
    with TemporaryDirectory(prefix="vestec-") as folder:
        async with EmbeddedServer.open(Path(folder, "data")) as server:
            yield server.url


@asynccontextmanager
async def open_log(engine: str) -> AsyncIterator[Log]:
    """An empty log: `memory`, `postgres` (embedded, fsync on), or a `postgresql://` URL."""
    if engine == "memory":
        yield MemoryLog()
        return
    async with database(engine) as url:
        log = await PostgresLog.connect(url)
        try:
            yield log
        finally:
            await log.close()
