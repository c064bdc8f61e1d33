"""The embedded server as others see it: a context in which it runs, and its URL.

Who opens it holds a shared lock while using it; the last one to leave stops it. So a short command
and a `vestec up` that begins or ends meanwhile need not know of each other, and who was killed
counts no more. Each of them starts it again should it end: it was killed, or found no room for its
write-ahead log, without which PostgreSQL shuts itself down.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import asyncpg
import structlog

from bus.tasks import end
from deploy.embedded.cluster import SUPERUSER, Cluster
from deploy.embedded.errors import EmbeddedServerError, as_sentence
from deploy.embedded.flock import EXCLUSIVE, POLL_SECONDS, SHARED, locked, relock, try_lock
from deploy.embedded.reach import socket_folder
from deploy.embedded.settings import OPTIONS

START_WITHIN = 600.0
STOP_WITHIN = 120.0
_LOOK_EVERY = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True)
class EmbeddedServer:
    """One PostgreSQL server whose data lies in `folder`/postgresql.

    `url` is for asyncpg and psql, on this machine, as long as the context lasts.
    """

    folder: Path
    url: str

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        options: Mapping[str, str] | None = None,
        start_within: float = START_WITHIN,
        stop_within: float = STOP_WITHIN,
        stop: bool = True,
    ) -> AbstractAsyncContextManager[EmbeddedServer]:
        """Use the server of `folder`: adopt the running one, or make and start it.

        On leaving the last user stops it, unless told not to. `options` go over the settings of
        this package when it is started here. Limits are in seconds, and long because a crash
        recovery may take minutes. Raises EmbeddedServerError.
        """
        cluster = Cluster(folder.absolute() / "postgresql", {**OPTIONS, **(options or {})})
        return _in_use(cluster, start_within, stop_within if stop else None)

    @classmethod
    def connect_or_start(cls, folder: Path) -> AbstractAsyncContextManager[EmbeddedServer]:
        """The same for a short command that reads: it makes no data where there are none.

        Raises EmbeddedServerError when the folder holds no database.
        """
        if not (folder / "postgresql" / "data").exists():
            raise EmbeddedServerError(
                f"{folder} holds no data yet: start the system there first, or name another folder."
            )
        return cls.open(folder)


@asynccontextmanager
async def _in_use(
    cluster: Cluster, start_within: float, stop_within: float | None
) -> AsyncIterator[EmbeddedServer]:
    async with AsyncExitStack() as stack:
        with as_sentence(cluster.home.parent):
            cluster.prepare()
            async with _within(start_within, "start", cluster):
                user = await stack.enter_async_context(locked(cluster.users, SHARED))
                if stop_within is not None:
                    stack.push_async_callback(_stop_as_last, cluster, user, stop_within)
                sockets = stack.enter_context(socket_folder(cluster.data, cluster.port))
                server = EmbeddedServer(cluster.home.parent, _url(sockets, cluster.port))
                await _bring_up(cluster, server.url, start_within)
        keeping = asyncio.create_task(_keep(cluster, server.url, start_within))
        stack.push_async_callback(end, keeping)
        yield server


async def _bring_up(cluster: Cluster, url: str, within: float) -> None:
    """Until the server answers: start it once no process of an earlier one or its starter lives."""
    while not await _answers(url):
        if (lock := try_lock(cluster.home, EXCLUSIVE)) is None:
            await asyncio.sleep(POLL_SECONDS)
            continue
        try:
            await cluster.start(lock, within)
        finally:
            os.close(lock)


async def _keep(cluster: Cluster, url: str, within: float) -> NoReturn:
    """Start it again whenever its last process is gone, until cancelled."""
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        try:
            with as_sentence(cluster.home.parent):
                if (lock := try_lock(cluster.home, EXCLUSIVE)) is None:
                    continue
                os.close(lock)
                _log.error("embedded PostgreSQL has ended, it is started again")
                await _bring_up(cluster, url, within)
        except EmbeddedServerError as error:
            _log.error("embedded PostgreSQL could not be started again", reason=str(error))


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=5.0)
        await connection.close(timeout=5.0)
    except asyncpg.TooManyConnectionsError:
        return True
    except (OSError, asyncpg.PostgresError):
        return False
    return True


async def _stop_as_last(cluster: Cluster, user: int, within: float) -> None:
    if relock(user, EXCLUSIVE):
        with as_sentence(cluster.home.parent):
            async with _within(within, "stop", cluster):
                await cluster.stop()


@asynccontextmanager
async def _within(seconds: float, do: str, cluster: Cluster) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise EmbeddedServerError(
            f"PostgreSQL did not {do} in {cluster.home} within {seconds:g} s. "
            f"It last said: {cluster.complaint()}."
        ) from None


def _url(sockets: Path, port: str) -> str:
    return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(sockets), safe='/')}&port={port}"
