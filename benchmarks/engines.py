"""The logs that benchmarks run on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import deploy.engines
from bus import Log, MemoryLog
from deploy.embedded import EmbeddedServer
from deploy.kafka import running_cluster

ENGINES = "memory, postgres (embedded), kafka (one broker), or a URL of the log"


@asynccontextmanager
async def log_url(engine: str) -> AsyncIterator[str]:
    """The URL of `postgres`, as `vestec up` would run it, of `kafka`, or the given one."""
    with TemporaryDirectory(prefix="vestec-") as folder:
        if engine == "postgres":
            async with EmbeddedServer.open(Path(folder, "data")) as server:
                yield server.url
        elif engine == "kafka":
            async with running_cluster(Path(folder)) as cluster:
                yield cluster.url
        else:
            yield engine


@asynccontextmanager
async def urls(engine: str) -> AsyncIterator[tuple[str, str]]:
    """Those of the log and of the database beside it, which is the same where both can be one."""
    async with log_url(engine) as log:
        if not deploy.engines.is_kafka(log):
            yield log, log
            return
        with TemporaryDirectory(prefix="vestec-") as folder:
            async with EmbeddedServer.open(Path(folder, "data")) as server:
                yield log, server.url


@asynccontextmanager
async def open_log(engine: str) -> AsyncIterator[Log]:
    """An empty log: one of `ENGINES`."""
    if engine == "memory":
        yield MemoryLog()
        return
    async with log_url(engine) as url:
        log = await deploy.engines.open_log(url)
        try:
            yield log
        finally:
            await log.close()
