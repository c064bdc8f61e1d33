"""A worker shares the partitions of feeds with others, by a Faust application, and takes readings.

Whatever breaks on the way ends the application; a new one reads what rules remember from the
changelogs, and takes again what these do not say was taken. A feed whose topics are not what they
should be is left out until they are, and the others go on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

import faust
import structlog

from bus.contract import LogError, LogUnavailable
from bus.kafka.address import Address
from bus.tasks import end_if_cancelled
from interfaces.sensors.application import SensorSettings, application, stop
from interfaces.sensors.delivery import Outlet
from interfaces.sensors.desk import Desk, FeedCounts
from interfaces.sensors.feeds import PREFIX, Feeds
from interfaces.sensors.recovery import MadeAnew
from interfaces.sensors.rules import Source
from interfaces.sensors.topics import forgotten, make_topics
from interfaces.sensors.watch import watch
from managers.runtime import Failure, Failures

_TRY_AGAIN = 2.0
_LOOK_EVERY = 10.0
"""Seconds between two looks whether a feed that is left out can be taken by now."""
_SOON = 1.0
"""The same for one whose topic was made anew: less than `_TRY_AGAIN`, after which whoever has seen
that its changelog is gone makes another one, which would tell others nothing."""

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
        """Of `worker`, while it takes nothing: why, since when, and how often it began anew. Of
        `feed NAME`, while that one is left out."""
        self._made_anew: dict[str, str] = {}

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
            except (Exception, asyncio.CancelledError) as error:
                end_if_cancelled()  # what Faust cancels of its own looks the same
                reason = str(error) or repr(error)
                self.failures.add("worker", reason, self._outlet.now())
                _log.error("sensor feeds begin anew", reason=reason, exc_info=True)
            await asyncio.sleep(_TRY_AGAIN)

    async def _once(self) -> None:
        await self._forget()
        partitions, unfit = await make_topics(self._address, self._feeds)
        self._leave_out({**self._made_anew, **unfit})
        partitions = {f: count for f, count in partitions.items() if f not in self._made_anew}
        app = application(self._address, self._settings)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        topics = {name: self._address.prefix + PREFIX + name for name in self._feeds}
        desks = [
            Desk(
                app,
                Source(name, topics[name], self._feeds[name]),
                count,
                self._outlet,
                self._counts[name],
                failed,
            )
            for name, count in partitions.items()
        ]
        counts = {topics[name]: count for name, count in partitions.items()}
        watching = asyncio.create_task(watch(self._address, counts))
        tasks: list[asyncio.Future[Any]] = [
            failed,
            watching,
            asyncio.create_task(self._serve(app, desks)),
            asyncio.create_task(self._wait_for_mending(unfit)),
            asyncio.create_task(self._wait_until_forgotten()),
            *(asyncio.create_task(desk.look_after()) for desk in desks),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=lambda one: one.cancelled()):
                task.result()  # what Faust cancels beside says nothing
        finally:
            self._desks = ()
            for task in tasks:
                task.cancel()
            await asyncio.gather(stop(app), asyncio.wait([watching]))

    def _leave_out(self, feeds: Mapping[str, str]) -> None:
        for feed in self._feeds:
            if reason := feeds.get(feed):
                self.failures.add(f"feed {feed}", reason, self._outlet.now())
                _log.error("a sensor feed is left out", feed=feed, reason=reason)
            else:
                self.failures.forget(f"feed {feed}")

    async def _wait_for_mending(self, unfit: Mapping[str, str]) -> NoReturn:
        """Raises `LogError` once something was done about a feed whose topic is unfit."""
        feeds = {feed: self._feeds[feed] for feed in unfit}
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            with suppress(LogUnavailable):
                if feeds and (await make_topics(self._address, feeds))[1] != unfit:
                    raise LogError("a feed that was left out is looked at anew")

    async def _wait_until_forgotten(self) -> NoReturn:
        """Raises `LogError` once a feed whose topic was made anew may begin anew, too."""
        while True:
            await asyncio.sleep(_SOON)
            with suppress(LogUnavailable):
                if await self._forget():
                    raise LogError("a feed that was left out begins anew")

    async def _forget(self) -> bool:
        """Leave out no longer what may begin anew; whether there is such a feed."""
        gone = await forgotten(self._address, self._made_anew)
        for feed in gone:
            del self._made_anew[feed]
        return bool(gone)

    async def _serve(self, app: faust.App, desks: Sequence[Desk]) -> NoReturn:
        if not desks:
            self.failures.forget("worker")
            await asyncio.Event().wait()  # Faust would end
        # It starts for as long as its first recovery takes, or for ever if that crashes.
        if not await app.wait_for_stopped(app.start()):
            self._desks, self.since = desks, self._outlet.now()
            self.failures.forget("worker")
            # `wait_until_stopped` leaves tasks behind where we are cancelled.
            await app.wait_for_stopped(asyncio.Event().wait())
        if isinstance(app.crash_reason, MadeAnew):
            self._made_anew[app.crash_reason.feed] = str(app.crash_reason)
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
