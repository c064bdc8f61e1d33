"""Data sets of incidents: what there is, and what replaced it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from events.datasets import DataSetRegistered, DataSetSuperseded
from events.envelope import Recorded
from events.values import Blob, Context
from projections.database import Connection, Queries, at
from projections.projection import Fact, Projection
from projections.rows import Table


class DataSet(BaseModel):
    """One data set; its bytes are named by their digest."""

    id: UUID
    incident: str
    name: str
    type: str
    media_type: str
    size: int
    """Bytes."""
    sha256: str
    comment: str
    simulation: UUID | None
    """That made it."""
    registered: datetime
    superseded_by: UUID | None = None
    superseded: datetime | None = None
    """When it was replaced; a valid one never was."""

    @property
    def blob(self) -> Blob:
        return Blob(sha256=self.sha256, size=self.size)


def _evolve(was: DataSet | None, it: Recorded) -> DataSet | None:
    match it.event:
        case DataSetRegistered(incident=incident, data_set=made):
            return DataSet(
                id=made.id,
                incident=incident,
                name=made.name,
                type=made.type,
                media_type=made.media_type,
                size=made.blob.size,
                sha256=made.blob.sha256,
                comment=made.comment,
                simulation=made.simulation,
                registered=at(it.time),
            )
        case DataSetSuperseded(by=by):
            changes = {"superseded_by": by, "superseded": at(it.time)}
            return was and was.model_copy(update=changes)
        case _:
            return was


def _key(it: Recorded) -> UUID | None:
    match it.event:
        case DataSetRegistered(data_set=made):
            return made.id
        case DataSetSuperseded(data_set=id):
            return id
        case _:
            return None


TABLE = Table("data_sets", DataSet, "id", _key, _evolve)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    await TABLE.fold(connection, [it for fact in batch for it in fact.events()])


PROJECTION = Projection(
    name="data_sets",
    version=1,
    contexts=(Context.DATASETS,),
    tables=("data_sets",),
    ddl="""
        create table vestec_read.data_sets (
            id uuid primary key,
            incident text not null,
            name text not null,
            type text not null,
            media_type text not null,
            size bigint not null,
            sha256 text not null,
            comment text not null,
            simulation uuid,
            registered timestamptz not null,
            superseded_by uuid,
            superseded timestamptz
        );
        create index on vestec_read.data_sets (incident, registered);
        """,
    apply=_apply,
)


async def list_data_sets(database: Queries, incident: str) -> list[DataSet]:
    """The data sets of an incident: valid ones before superseded ones, newest first."""
    found = await database.fetch(
        """
        select * from vestec_read.data_sets where incident = $1
        order by superseded is not null, registered desc, id
        """,
        incident,
    )
    return [TABLE.parse(record) for record in found]


async def find_data_set(database: Queries, id: UUID) -> DataSet | None:
    """The data set of that id."""
    found = await database.fetchrow("select * from vestec_read.data_sets where id = $1", id)
    return found and TABLE.parse(found)
