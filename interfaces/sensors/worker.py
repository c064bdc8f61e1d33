"""A worker shares the partitions of feeds with others, by a Faust application, and takes readings.

Whatever breaks on the way ends the application; a new one reads what rules remember from the
changelogs, and takes again what these do not say was taken.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import faust
import structlog

from bus.contract import LogError
from bus.kafka.address import Address
from interfaces.sensors.application import SensorSettings, application, stop
from interfaces.sensors.delivery import Outlet
from interfaces.sensors.desk import Desk, FeedCounts
from interfaces.sensors.feeds import PREFIX, Feeds
from interfaces.sensors.rules import Source
from interfaces.sensors.topics import make_topics
from interfaces.sensors.watch import watch
from managers.runtime import Failure, Failures

_TRY_AGAIN = 2.0

_log = structlog.get_logger()


class SensorWorker:
    """A share of the feeds' partitions."""

    def __init__(self, settings: SensorSettings, feeds: Feeds, outlet: Outlet) -> None:
        self._settings, self._feeds, self._outlet = settings, feeds, outlet
        self._address = Address.parse(settings.url)
        self._desks: Sequence[Desk] = ()
        self._counts = {name: FeedCounts() for name in feeds}
        self.since: float | None = None
        """When partitions were last given to this worker, in seconds since 1970."""
        self.failures = Failures[str]()
        """Of `worker`, while it takes nothing: why, since when, and how often it began anew."""

    @property
    def failing(self) -> Mapping[str, Failure]:
        """Why it takes nothing, or what it found waits; since when, and how often it was tried."""
        return {**self._outlet.waits.known, **self.failures.known}

    @property
    def owned(self) -> list[str]:
        """The partitions whose readings are taken here."""
        owned = [tp for desk in self._desks for tp in desk.owned]
        return sorted(f"{tp.topic}/{tp.partition}" for tp in owned)

    async def run(self) -> NoReturn:
        """Take readings until cancelled, over whatever breaks."""
        while True:
            try:
                await self._once()
            except Exception as error:
                reason = str(error) or repr(error)
                self.failures.add("worker", reason, self._outlet.now())
                _log.error("sensor feeds begin anew", reason=reason, exc_info=True)
            await asyncio.sleep(_TRY_AGAIN)

    async def _once(self) -> None:
        partitions = await make_topics(self._address, self._feeds)
        app = application(self._address, self._settings)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        topics = {name: self._address.prefix + PREFIX + name for name in self._feeds}
        desks = [
            Desk(
                app,
                Source(name, topics[name], feed),
                partitions[name],
                self._outlet,
                self._counts[name],
                failed,
            )
            for name, feed in self._feeds.items()
        ]
        counts = {topics[name]: count for name, count in partitions.items()}
        watching = asyncio.create_task(watch(self._address, counts))
        tasks: list[asyncio.Future[Any]] = [
            failed,
            watching,
            asyncio.create_task(self._serve(app, desks)),
            *(asyncio.create_task(desk.look_after()) for desk in desks),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._desks = ()
            for task in tasks:
                task.cancel()
            await asyncio.gather(stop(app), asyncio.wait([watching]))

    async def _serve(self, app: faust.App, desks: Sequence[Desk]) -> NoReturn:
        # It starts for as long as its first recovery takes, or for ever if that crashes.
        if not await app.wait_for_stopped(app.start()):
            self._desks, self.since = desks, self._outlet.now()
            self.failures.forget("worker")
            # `wait_until_stopped` leaves tasks behind where we are cancelled.
            await app.wait_for_stopped(asyncio.Event().wait())
        raise LogError(f"Faust ended of itself: {app.crash_reason!r}")

    def behind(self) -> int | None:
        """Records on those that were not taken yet; None: unknown."""
        behind = [feed.behind for feed in self.feeds().values()]
        return None if None in behind else sum(one or 0 for one in behind)

    def feeds(self) -> Mapping[str, FeedCounts]:
        """How each feed fares here."""
        behind = {desk.feed: desk.behind() for desk in self._desks}
        counts = self._counts.items()
        return {feed: replace(one, behind=behind.get(feed)) for feed, one in counts}
