"""The readers' side: how far projections are, woken when one has taken something in."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import NoReturn

import structlog

from bus.tasks import end
from events.values import Context
from projections import positions
from projections.database import UNAVAILABLE, Connection, Pool
from projections.endpoints import CHANGES
from projections.positions import MOVED, Mark, Source

_log = structlog.get_logger()

_LOOK_EVERY = 5.0
"""Seconds after which is looked without having been woken, in case a notification was lost."""

Changed = Callable[[str | None], None]
"""Called with what was notified; None: notifications may have been lost."""


class Reader:
    """A view of all positions that is never ahead of the tables; opened by `open_reader`."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._marks: dict[str, dict[Source, Mark]] = {}
        self._moves: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._stale: set[str] = set()
        self._woken = asyncio.Event()
        self._subscribers: dict[str, list[Changed]] = {MOVED: [self._moved], CHANGES: []}

    def on_endpoints_changed(self, changed: Changed) -> None:
        """Have `changed` called with the id of every incident whose endpoints open or close."""
        self._subscribers[CHANGES].append(changed)

    def offset(self, projection: str, context: Context, partition: int) -> int:
        """The first offset that the projection may not have taken in."""
        mark = self._marks.get(projection, {}).get((context, partition))
        return mark.position.offset if mark else 0

    def marks(self, projection: str) -> Mapping[Source, Mark]:
        """How far the projection has read each partition."""
        return self._marks.get(projection, {})

    def move(self, projection: str) -> asyncio.Event:
        """Set when the projection next takes something in; take it before you look."""
        return self._moves[projection]

    async def follow(self) -> NoReturn:
        """Keep the view up to date, over whatever goes wrong, until cancelled."""
        while True:
            try:
                async with self.pool.acquire() as connection, self._listening(connection):
                    await self._look(connection)
            except Exception as error:  # whatever it is, the next look may tell
                _log.warning("positions cannot be read", reason=repr(error))
                self._tell_all()
                await asyncio.sleep(0.5)

    @asynccontextmanager
    async def _listening(self, connection: Connection) -> AsyncIterator[None]:
        try:
            for channel in self._subscribers:
                await connection.add_listener(channel, self._heard)
            yield
        finally:
            for channel in self._subscribers:  # one that was cancelled in between, too
                with suppress(*UNAVAILABLE):
                    await connection.remove_listener(channel, self._heard)

    def _heard(self, _connection: object, _process: int, channel: str, payload: str) -> None:
        for changed in self._subscribers[channel]:
            changed(payload)

    def _tell_all(self) -> None:
        """Notifications may have been lost."""
        for changed in itertools.chain(*self._subscribers.values()):
            changed(None)

    def _moved(self, projection: str | None) -> None:
        if projection is not None:
            self._stale.add(projection)
            self._woken.set()

    async def _look(self, connection: Connection) -> NoReturn:
        self._tell_all()
        names: list[str] | None = None
        while True:
            self._take(names, await positions.load_all(connection, names))
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._woken.wait()
            self._woken.clear()
            names = list(self._stale) or None
            self._stale.clear()

    def _take(self, names: list[str] | None, found: dict[str, dict[Source, Mark]]) -> None:
        for name in names or self._marks.keys() | found.keys():
            if found.get(name, {}) != self._marks.get(name):
                self._marks[name] = found.get(name, {})
                self._moves.pop(name, asyncio.Event()).set()


@asynccontextmanager
async def open_reader(reader: Reader) -> AsyncIterator[Reader]:
    """Let the reader follow while the context lasts."""
    task = asyncio.create_task(reader.follow(), name="projections reader")
    try:
        yield reader
    finally:
        await end(task)
