"""Folders of jobs on machines: since when what is in them is there, and until when it is.

How long it lasts is the machine's to say, now: dates are worked out when they are read. Copies of a
job that come late find its folder, and are counted there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel

from events import operations as e
from events.envelope import Recorded
from events.jobs import Token
from events.machines import MachineFolders
from events.values import Context
from projections.database import Connection, Queries, at, when
from projections.projection import Fact, Projection
from projections.rows import Table


class Folder(BaseModel):
    """One job's; None: not yet."""

    token: str
    machine: str
    begun: datetime
    """When it was to be submitted."""
    ended: datetime | None = None
    """By the machine's clock."""
    over: datetime | None = None
    """When its results were fetched, if it has any, and nobody asked about it any more."""
    removed: datetime | None = None
    copies: int = 0
    """Of the job, that were turned away before its program started."""

    def kept_until(self, lasts: MachineFolders) -> datetime | None:
        """When we remove it; None: it is gone, or nobody knows yet."""
        if self.over is None or self.removed or lasts.keep is None:
            return None
        return self.over + timedelta(days=lasts.keep)

    def purged_from(self, lasts: MachineFolders) -> datetime | None:
        """When its centre begins to remove what is in it; None: it is gone, or nobody says."""
        if self.removed or lasts.purge is None:
            return None
        return (self.ended or self.begun) + timedelta(days=lasts.purge)


def _evolve(was: Folder | None, it: Recorded) -> Folder | None:
    match it.event:
        case e.SubmissionIntended(request=request):
            return Folder(token=request.token, machine=it.commit.key, begun=at(it.time))
        case e.JobReported(report=report) if report.state.ended:
            return was and was.model_copy(update={"ended": when(report.ended)})
        case e.JobReleased():
            return was and was.model_copy(update={"over": at(it.time)})
        case e.CopiesSeen(copies=copies):
            return was and was.model_copy(update={"copies": copies})
        case e.FolderRemoved():
            return was and was.model_copy(update={"removed": at(it.time)})
        case _:
            return was


def _key(it: Recorded) -> str | None:
    says = getattr(it.event, "request", getattr(it.event, "report", it.event))
    return getattr(says, "token", None)


TABLE = Table("folders", Folder, "token", _key, _evolve)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    await TABLE.fold(connection, [it for fact in batch for it in fact.events()])


PROJECTION = Projection(
    name="folders",
    version=1,
    contexts=(Context.OPERATIONS,),
    tables=("folders",),
    ddl="""
        create table vestec_read.folders (
            token text primary key,
            machine text not null,
            begun timestamptz not null,
            ended timestamptz,
            over timestamptz,
            removed timestamptz,
            copies bigint not null
        );
        create index on vestec_read.folders (machine, over) where removed is null;
        create index on vestec_read.folders (machine, coalesce(ended, begun)) where removed is null;
        """,
    apply=_apply,
)


async def find_folder(database: Queries, token: Token) -> Folder | None:
    """The folder of a job."""
    (*_, found) = (None, *await TABLE.find(database, [token]))
    return found


async def next_folders(database: Queries, machine: str) -> list[Folder]:
    """Those on a machine that are removed next: by us, and by the centre."""
    found = await database.fetch(
        """
        (select * from vestec_read.folders where machine = $1 and removed is null
            and over is not null order by over limit 1)
        union
        (select * from vestec_read.folders where machine = $1 and removed is null
            order by coalesce(ended, begun) limit 1)
        """,
        machine,
    )
    return [TABLE.parse(record) for record in found]
