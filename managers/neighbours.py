"""Processes that share a log, and whether they find each other's blobs.

Who comes says in the log where it keeps blobs, and listens from there on. Whoever was there before
and keeps them elsewhere objects, and who is objected to ends. So the log's order says who has to
go; no clocks are compared, and what is gone keeps nobody from coming. Who heard nothing of the log
for longer than a lease may have been replaced meanwhile, and comes anew.
"""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import NoReturn

import structlog
from pydantic import BaseModel

from bus import Doubt, Log, LogError, Record

TOPIC = "vestec.processes"

_OBJECTED_WITHIN = 1.0
"""Seconds; where others are slower, it is while the process runs that it must go."""
_TRY_AGAIN = 1.0

_log = structlog.get_logger()


class BlobsElsewhere(Exception):
    """Another process of the system keeps its blobs where this one would not find them."""


class Neighbour(BaseModel):
    """A process as it introduces itself: the parts that it runs, and where it keeps blobs."""

    process: str
    parts: str
    blobs: str


class _Said(Neighbour):
    to: str = ""
    """The process that it objects to; none: it has come."""


class Neighbours:
    """The other processes of a log where `TOPIC` has been declared, as this one hears of them."""

    def __init__(self, log: Log, me: Neighbour, lease: float) -> None:
        self._log, self._me, self._lease = log, me, lease
        self._next, self._heard = 0, 0.0

    async def join(self) -> None:
        """Come, and wait for objections for a moment. Raises `BlobsElsewhere`."""
        await self._come()
        with suppress(TimeoutError):
            async with asyncio.timeout(_OBJECTED_WITHIN):
                await self.listen()

    async def listen(self) -> NoReturn:
        """Object to those who keep blobs elsewhere. Raises `BlobsElsewhere` where they do."""
        while True:
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._lease / 3):
                        await self._log.wait(TOPIC, 0, self._next)
                records = await self._log.read(TOPIC, 0, self._next)
            except LogError as error:
                _log.warning("nothing is heard of other processes", reason=str(error))
                await asyncio.sleep(_TRY_AGAIN)
                await self._come()
                continue
            if monotonic() > self._heard + self._lease:
                await self._come()
                continue
            self._heard = monotonic()
            for stored in records:
                await self._hear(_Said.model_validate_json(stored.record.value))
                self._next = stored.offset + 1

    async def _come(self) -> None:
        self._next = await self._say() + 1
        self._heard = monotonic()

    async def _hear(self, said: _Said) -> None:
        if said.to == self._me.process:
            raise BlobsElsewhere(
                f"a process that runs {said.parts} keeps blobs in {said.blobs}, this one would in"
                f" {self._me.blobs}: all need the same VESTEC_BLOBS, and on several hosts that must"
                " be an object store, since a folder is one host's"
            )
        if said.process != self._me.process and not said.to and said.blobs != self._me.blobs:
            await self._say(to=said.process)

    async def _say(self, to: str = "") -> int:
        """Until it is in the log; twice does no harm. Its offset."""
        said = _Said(**self._me.model_dump(), to=to)
        record = Record(self._me.process, said.model_dump_json().encode())
        while True:
            try:
                return await self._log.append(TOPIC, 0, [record])
            except (Doubt, LogError) as error:
                _log.warning("other processes are not told of this one", reason=str(error))
                await asyncio.sleep(_TRY_AGAIN)
