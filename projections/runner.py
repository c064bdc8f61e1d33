"""Keeps read models up to date: one task each, one transaction a batch."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from bus import Log, LogError
from bus.tasks import doubling, end_if_cancelled, first
from events.envelope import events_topic
from managers.runtime.ends import Ends
from managers.runtime.failures import Failures
from projections import builds, positions
from projections.batches import Tails, take_in
from projections.builds import NewerVersion, Rebuilt
from projections.database import UNAVAILABLE, Pool
from projections.decoder import Decoder
from projections.positions import AnotherRunner, Mark, Source
from projections.projection import Projection

_log = structlog.get_logger()

LOOK_EVERY = 2.0
"""Seconds between two looks at whether a projection was rebuilt, or its runner has gone."""
PACE = 0.02
"""Seconds between two batches of a projection: at once when idle, few and large when busy."""
_BACKOFF = 0.1, 30.0


@dataclass(frozen=True)
class _Folding:
    """A projection that is folded here: how far it is, and since when."""

    marks: dict[Source, Mark]
    since: float


class Runner:
    """Runs projections until cancelled; any number of processes may, each batch is taken once."""

    def __init__(
        self,
        log: Log,
        pool: Pool,
        projections: Sequence[Projection],
        wall: Callable[[], float],
        look_every: float = LOOK_EVERY,
        gives_way: Callable[[], bool] = lambda: False,
    ) -> None:
        """`wall` gives seconds since 1970. While `gives_way` answers so, no batch begins."""
        self._log, self._pool, self._projections = log, pool, projections
        self._wall, self._look_every, self._gives_way = wall, look_every, gives_way
        self._decoder = Decoder()
        self._folding: dict[str, _Folding | None] = {one.name: None for one in projections}
        """Of those for which this process does not stand by; None: it has not begun yet."""
        self.failures = Failures[str]()
        """Of each projection that makes no progress now: why, since when, how often."""

    @property
    def owned(self) -> frozenset[str]:
        """The projections that are folded here; of two runners both, until one finds the other."""
        return frozenset(self._folding)

    @property
    def since(self) -> float | None:
        """When the newest of them began here, in seconds since 1970; None: one has not yet."""
        began = [one and one.since for one in self._folding.values()]
        return max((at for at in began if at), default=None) if all(began) else None

    async def behind(self, ends: Ends) -> int:
        """How many records they have not taken in, each counting its own; raises `LogError`."""
        marks = [mark for one in self._folding.values() if one for mark in one.marks.items()]
        unread = (ends.behind(events_topic(c), p, mark.position.offset) for (c, p), mark in marks)
        return sum(await asyncio.gather(*unread))

    async def run(self) -> NoReturn:
        """Take part until cancelled."""
        async with asyncio.TaskGroup() as group:
            for projection in self._projections:
                group.create_task(self._keep(projection), name=f"projection {projection.name}")
        raise AssertionError("projections are kept until they are cancelled")

    async def _keep(self, projection: Projection) -> NoReturn:
        """Fold again and again, whatever happens."""
        pauses, clock = doubling(*_BACKOFF), asyncio.get_running_loop().time
        stepped_back = False
        while True:
            end_if_cancelled()
            began = clock()
            try:
                if stepped_back:
                    self._folding.pop(projection.name, None)
                    await self._stand_by(projection)
                    stepped_back = False
                self._folding[projection.name] = None
                await self._fold(projection)
            except* Rebuilt as errors:
                _log.info("projection begins again", name=projection.name, reason=_reason(errors))
            except* AnotherRunner as errors:
                _log.info("projection steps back", name=projection.name, reason=_reason(errors))
                stepped_back = True
            except* Exception as errors:
                self._complain(projection, errors)
                if clock() - began > _BACKOFF[1]:
                    pauses = doubling(*_BACKOFF)
                await asyncio.sleep(next(pauses))

    def _complain(self, projection: Projection, errors: ExceptionGroup[Exception]) -> None:
        reason = _reason(errors)
        self.failures.add(projection.name, reason, self._wall())
        defect = errors.split((*UNAVAILABLE, TimeoutError, LogError, NewerVersion))[1]
        _log.error(
            "projection stopped for a while",
            name=projection.name,
            reason=reason,
            exc_info=defect and first(defect),
        )

    async def _fold(self, projection: Projection) -> NoReturn:
        """Fold what comes, from where the tables are, until an error."""
        async with self._pool.acquire() as connection:
            await builds.prepare(connection)
            build = await builds.ensure(connection, projection)
            sources = await self._sources(projection)
            await positions.begin(connection, projection.name, sources)
            marks = await positions.load(connection, projection.name)
        tails = Tails(self._log, self._decoder)
        with self._decoder.side_by_side(projection.name, marks):
            async with asyncio.TaskGroup() as group:
                for source in sources:
                    group.create_task(tails.follow(source, marks[source].position))
                self._folding[projection.name] = _Folding(marks, self._wall())
                self.failures.forget(projection.name)
                while True:
                    while self._gives_way():
                        await asyncio.sleep(PACE)
                    await self._batch(projection, build, tails, marks)
                    await asyncio.sleep(PACE)
        raise AssertionError("tails are followed until there is an error")

    async def _sources(self, projection: Projection) -> list[Source]:
        return [
            (context, partition)
            for context in projection.contexts
            for partition in range(await self._log.partitions(events_topic(context)))
        ]

    async def _batch(
        self, projection: Projection, build: int, tails: Tails, marks: dict[Source, Mark]
    ) -> None:
        try:
            async with asyncio.timeout(self._look_every):
                chunks = await tails.take()
        except TimeoutError:
            if build != await builds.current_build(self._pool, projection.name):
                raise Rebuilt(f"projection {projection.name} was rebuilt") from None
            return
        async with self._pool.acquire() as connection:
            after = await take_in(connection, projection, build, chunks, marks, self._decoder)
        marks |= after
        self._decoder.taken(projection.name, after)

    async def _stand_by(self, projection: Projection) -> None:
        """Until there is something to take in, and nobody does."""
        while True:
            before = await positions.load(self._pool, projection.name)
            await asyncio.sleep(self._look_every)
            after = await positions.load(self._pool, projection.name)
            lags = await self._lags(before)
            self.failures.forget(projection.name)
            if before == after and lags:
                return

    async def _lags(self, marks: dict[Source, Mark]) -> bool:
        for (context, partition), mark in marks.items():
            _, end = await self._log.bounds(events_topic(context), partition)
            if end > mark.position.offset:
                return True
        return not marks


def _reason(errors: BaseException) -> str:
    """The sentence of the first of the errors."""
    error = first(errors)
    return f"{type(error).__name__}: {error}"
