"""Folders of jobs on machines: since when what is in them is there, and until when it is.

What is shown is what the cleaner does: jobs are folded as it folds them, from the same events, and
how long folders last is as it was told. Dates are worked out when they are read.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel

from events import operations as e
from events.envelope import Recorded
from events.jobs import Token
from events.machines import MachineFolders, MachineSettings, moved
from events.values import Context
from managers.operations import FOLD, Job, OfJob, folder_of, job_after, job_of, still_removed
from projections.database import Connection, Queries, at, when
from projections.projection import Fact, Projection
from projections.rows import Table


class KnownMachine(BaseModel):
    """A machine, as whoever works there was told."""

    machine: str
    settings: MachineSettings


class Folder(BaseModel):
    """One job's; None: not yet."""

    token: str
    machine: str
    job: Job | None
    """Until nobody asks about it any more; without its inputs."""
    written: datetime | None = None
    """When its newest files were: by the machine's clock, if the job has ended."""
    since: datetime | None = None
    """When its job was over, if it is to be removed some time after."""
    removed: datetime | None = None
    away: bool = False
    """Whether its machine is another place now, or none of ours."""
    copies: int = 0
    """Of the job, that were turned away before its program started."""


class Dates(BaseModel):
    """Until when a folder lasts, or the first of some; None: it is gone, or nobody says."""

    kept_until: datetime | None = None
    """When we remove it, or as soon as its machine answers and others are removed."""
    purged_from: datetime | None = None
    """When its centre begins to remove what is in it."""


def _evolve(was: Folder | None, it: Recorded) -> Folder | None:
    match it.event:
        case e.SubmissionIntended():
            job = replace(job_of(it.event), inputs={})
            return Folder(token=job.token, machine=it.commit.key, job=job)
        case e.CopiesSeen(copies=copies):
            return was and was.model_copy(update={"copies": copies})
        case e.FolderRemoved():
            return was and was.model_copy(update={"removed": at(it.time)})
        case event if isinstance(event, OfJob) and was and was.job:
            return _of(was, job_after(was.job, event))
        case _:
            return was


def _of(was: Folder, job: Job) -> Folder:
    """The folder of a job as it is now."""
    over = folder_of(job) if job.left else None
    return was.model_copy(
        update={
            "job": None if job.left else job,
            "written": when(job.written),
            "since": over and when(over.since),
        }
    )


def _key(it: Recorded) -> str | None:
    return getattr(getattr(it.event, "request", it.event), "token", None)


TABLE = Table("folders", Folder, "token", _key, _evolve)


def _place(_: KnownMachine | None, it: Recorded) -> KnownMachine | None:
    if isinstance(it.event, e.MachineConfigured):
        return KnownMachine(machine=it.commit.key, settings=it.event.settings)
    return None


_PLACES = Table("places", KnownMachine, "machine", lambda it: it.commit.key, _place)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    about_jobs: list[Recorded] = []
    for it in (it for fact in batch for it in fact.events()):
        if isinstance(it.event, e.MachineConfigured | e.MachineForgotten):
            await TABLE.fold(connection, about_jobs)
            about_jobs = []
            await _configure(connection, it)
        else:
            about_jobs.append(it)
    await TABLE.fold(connection, about_jobs)


async def _configure(connection: Connection, it: Recorded) -> None:
    """What other settings do to the folders that are there."""
    machine = it.commit.key
    was = await _settings(connection, machine)
    now = it.event.settings if isinstance(it.event, e.MachineConfigured) else None
    await _PLACES.fold(connection, [it])
    if not still_removed(was, now):
        await connection.execute(
            "update vestec_read.folders set since = null where machine = $1 and since is not null",
            machine,
        )
    if was and (now is None or moved(was, now)):
        await connection.execute(
            "update vestec_read.folders set away = true where machine = $1 and not away", machine
        )


PROJECTION = Projection(
    name="folders",
    version=FOLD,
    contexts=(Context.OPERATIONS,),
    tables=("folders", "places"),
    ddl="""
        create table vestec_read.folders (
            token text primary key,
            machine text not null,
            job jsonb,
            written timestamptz,
            since timestamptz,
            removed timestamptz,
            away boolean not null,
            copies bigint not null
        );
        create index on vestec_read.folders (machine, since) where removed is null and not away;
        create index on vestec_read.folders (machine, written) where removed is null and not away;
        create table vestec_read.places (
            machine text primary key,
            settings jsonb not null
        )
        """,
    apply=_apply,
)


async def find_folder(database: Queries, token: Token) -> Folder | None:
    """The folder of a job."""
    (*_, found) = (None, *await TABLE.find(database, [token]))
    return found


async def dates_of(database: Queries, folder: Folder) -> Dates:
    """Until when a folder lasts."""
    there = not folder.removed and not folder.away
    since, written = (folder.since, folder.written) if there else (None, None)
    return _dates(await _lasts(database, folder.machine), since, written)


async def next_dates(database: Queries, machine: str) -> Dates:
    """When the next folder on a machine is removed: by us, and by the centre.

    What is older than its centre lets it become is there no more.
    """
    lasts = await _lasts(database, machine)
    there = "from vestec_read.folders where machine = $1 and removed is null and not away"
    found = await database.fetchrow(
        f"""
        select (select min(since) {there}) as since,
            (select min(written) {there}
                and written > now() - make_interval(secs => $2)) as written
        """,
        machine,
        lasts.purged_from(0.0),
    )
    return _dates(lasts, found["since"], found["written"]) if found else Dates()


def _dates(lasts: MachineFolders, since: datetime | None, written: datetime | None) -> Dates:
    return Dates(
        kept_until=when(lasts.kept_until(since.timestamp())) if since else None,
        purged_from=when(lasts.purged_from(written.timestamp())) if written else None,
    )


async def _settings(database: Queries, machine: str) -> MachineSettings | None:
    places = await _PLACES.find(database, [machine])
    return places[0].settings if places else None


async def _lasts(database: Queries, machine: str) -> MachineFolders:
    settings = await _settings(database, machine)
    return settings.folders if settings else MachineFolders()
