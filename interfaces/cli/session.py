"""What a command does with the system: read what is kept, and send commands to those who decide.

No system needs to run: reads come from the read models as they were left, commands wait in the log.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID, uuid4

import structlog
import typer

from deploy.blobs import place_of_blobs
from deploy.settings import Settings
from deploy.storage import Storage, open_storage
from events.values import Command, Context
from interfaces.cli.errors import Complaint
from interfaces.cli.options import settings_of
from interfaces.cli.output import notice
from interfaces.cli.presence import running_in
from interfaces.issuing import Write, issue, outcome, shown
from projections import Reader, open_reader
from projections.commands import Outcome
from projections.processes import living
from projections.rows import Table

ACTOR = "cli"
"""Who acts: whoever may read the folder."""
WAIT = 10.0
"""Seconds until a command is told that its outcome is not known yet."""
_NAMED = 4
"""Ids that are named where several begin alike."""

R = TypeVar("R")


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run what a command does; only warnings of the parts below it are told, on stderr."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return asyncio.run(work)


def kept(ctx: typer.Context, *, make: bool = False) -> AbstractAsyncContextManager[Storage]:
    """Everything that is kept where the command's options say; with `make` also in a new folder."""
    return open_storage(settings_of(ctx), make=make)


class Desk:
    """Takes commands to their managers."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    async def carry_out(
        self,
        context: Context,
        key: str,
        command: Command,
        *shown_by: str,
        id: UUID | None = None,
    ) -> bool:
        """Whether the command was carried out, as readers can see; if not, a notice says why.

        Raises `Complaint` with the reason if it was refused.
        """
        wanted = Write(id or uuid4(), context, key, command, shown_by)
        place = await issue(self.storage.log, self.storage.clock, wanted, ACTOR)
        found = await self._word(wanted, place)
        if found is None:
            notice(_not_yet(self.storage.settings))
            return False
        if not found.accepted:
            raise Complaint(f"Refused: {found.reason}.")
        return True

    async def _word(self, wanted: Write, place: tuple[int, int]) -> Outcome | None:
        if _surely_alone(self.storage.settings):
            return None
        async with open_reader(Reader(self.storage.pool)) as reader:
            try:
                async with asyncio.timeout(WAIT):
                    found = await outcome(reader, wanted, ACTOR, place)
                    await shown(reader, found, wanted.shown_by)
            except TimeoutError:
                return None
            return found


@asynccontextmanager
async def desk(ctx: typer.Context, *, make: bool = False) -> AsyncIterator[Desk]:
    """A desk for the command's system."""
    async with kept(ctx, make=make) as storage:
        await _require_same_log(storage)
        yield Desk(storage)


async def _require_same_log(storage: Storage) -> None:
    """A system that works on another log would never hear of what is wanted. Raises `Complaint`."""
    if storage.settings.log is None:
        for process in await living(storage.pool):
            if process.log:
                raise Complaint(
                    f"The system works on the log {process.log}, not on this folder's own:"
                    " set VESTEC_LOG and VESTEC_BLOBS as for it, or give --log."
                )


async def require_same_blobs(storage: Storage) -> None:
    """What is kept elsewhere, the system would never find. Raises `Complaint`."""
    here = place_of_blobs(storage.settings)
    for process in await living(storage.pool):
        if process.blobs != here:
            raise Complaint(
                f"The system keeps blobs in {process.blobs}, this command would in {here}:"
                " set VESTEC_BLOBS as for it; where that is a folder, push on its host, or by HTTP."
            )


def _surely_alone(settings: Settings) -> bool:
    """Whether nobody can be at work: a log elsewhere may be worked on from any folder."""
    return settings.log is None and not running_in(settings.data)


def _not_yet(settings: Settings) -> str:
    if _surely_alone(settings):
        where = settings.data
        return f"accepted; no system runs in {where}, start it with: vestec up --data {where}"
    return f"accepted, not known yet: no system said what came of it within {WAIT:g} s"


async def the_one(storage: Storage, rows: Table[Any, Any], what: str, prefix: str) -> str:
    """The id that begins with `prefix`, of the rows of a read model. Raises `Complaint`.

    A whole id is believed even if no reader knows it yet.
    """
    ids = await rows.keys_beginning(storage.pool, prefix, _NAMED)
    if len(ids) > 1:
        raise Complaint(f"Several {what}s begin with {prefix}: {', '.join(ids)}. Give more of it.")
    if not ids and _whole(prefix):
        return prefix.lower()
    if not ids:
        raise Complaint(f"There is no {what} {prefix}.")
    return ids[0]


def _whole(id: str) -> bool:
    try:
        return str(UUID(id)) == id.lower()
    except ValueError:
        return False
