"""Incidents as users see them, and the runs of their workflows' stages."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, JsonValue

from events import incidents as e
from events.envelope import Recorded
from events.incidents import IncidentStatus
from events.values import Context, Urgency
from projections import questions, stages
from projections.database import Connection, Queries, at
from projections.projection import Fact, Projection
from projections.rows import Table


class Incident(BaseModel):
    """One incident; times are when it was recorded."""

    id: str
    kind: str
    workflow_version: int
    name: str
    status: IncidentStatus
    exercise: bool
    urgency: Urgency
    owner: str
    parameters: dict[str, JsonValue]
    created: datetime
    activated: datetime | None = None
    ended: datetime | None = None
    archived: datetime | None = None
    reason: str = ""
    """Why it ended, as whoever ended it put it."""
    failed_runs: list[UUID] = []
    """Runs of stages that an operator may retry."""


def _evolve(was: Incident | None, it: Recorded) -> Incident | None:
    if isinstance(it.event, e.IncidentCreated):
        return _created(it.event, it)
    return was and was.model_copy(update=_changes(was, it))


def _created(event: e.IncidentCreated, it: Recorded) -> Incident:
    return Incident(
        id=event.incident,
        kind=event.kind,
        workflow_version=event.workflow_version,
        name=event.name,
        status=IncidentStatus.PENDING,
        exercise=event.exercise,
        urgency=event.urgency,
        owner=event.owner,
        parameters=event.parameters,
        created=at(it.time),
    )


def _changes(was: Incident, it: Recorded) -> dict[str, object]:
    match it.event:
        case e.UrgencySet(urgency=urgency):
            return {"urgency": urgency}
        case e.IncidentActivated():
            return {"status": IncidentStatus.ACTIVE, "activated": at(it.time)}
        case e.StageFailed(run=run):
            return {"status": IncidentStatus.ERROR, "failed_runs": [*was.failed_runs, run]}
        case e.StageRetried(run=run) | e.StageStopped(run=run) if run in was.failed_runs:
            left = [other for other in was.failed_runs if other != run]
            return {
                "failed_runs": left,
                "status": IncidentStatus.ERROR if left else IncidentStatus.ACTIVE,
            }
        case e.IncidentEnding() if was.failed_runs:
            return {"failed_runs": [], "status": IncidentStatus.ACTIVE}
        case e.IncidentEnded(ending=ending):
            return {
                "status": ending.outcome,
                "reason": ending.reason,
                "ended": at(it.time),
                "failed_runs": [],
            }
        case e.IncidentArchived():
            return {"status": IncidentStatus.ARCHIVED, "archived": at(it.time)}
        case _:
            return {}


def _key(it: Recorded) -> str | None:
    return it.commit.key if isinstance(it.event, _CONCERN_THE_INCIDENT) else None


_CONCERN_THE_INCIDENT = (
    e.IncidentCreated,
    e.UrgencySet,
    e.IncidentActivated,
    e.IncidentEnding,
    e.IncidentEnded,
    e.IncidentArchived,
    e.StageFailed,
    e.StageRetried,
    e.StageStopped,
)

TABLE = Table("incidents", Incident, "id", _key, _evolve)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    recorded = [it for fact in batch for it in fact.events()]
    await TABLE.fold(connection, recorded)
    await stages.fold(connection, recorded)
    await questions.TABLE.fold(connection, recorded)


PROJECTION = Projection(
    name="incidents",
    version=4,
    contexts=(Context.INCIDENTS,),
    tables=("incidents", "stage_runs", "questions"),
    ddl="""
        create table vestec_read.incidents (
            id text primary key,
            kind text not null,
            workflow_version bigint not null,
            name text not null,
            status text not null,
            exercise boolean not null,
            urgency text not null,
            owner text not null,
            parameters jsonb not null,
            created timestamptz not null,
            activated timestamptz,
            ended timestamptz,
            archived timestamptz,
            reason text not null,
            failed_runs uuid[] not null
        );
        create index on vestec_read.incidents (created desc, id desc);
        """
    + stages.DDL
    + questions.DDL,
    apply=_apply,
)


async def find_incident(database: Queries, id: str) -> Incident | None:
    """The incident of that id."""
    found = await database.fetchrow("select * from vestec_read.incidents where id = $1", id)
    return found and TABLE.parse(found)


async def list_incidents(
    database: Queries,
    *,
    owner: str | None = None,
    statuses: Sequence[str] = (),
    after: str | None = None,
    limit: int = 50,
) -> list[Incident]:
    """Incidents, newest first: of one owner or all, in one of some statuses or any, and only
    those that come after the one with the id `after`."""
    found = await database.fetch(
        """
        select * from vestec_read.incidents i
        where ($1::text is null or owner = $1)
          and (cardinality($2::text[]) = 0 or status = any($2))
          and ($3::text is null or (created, id) <
               (select created, id from vestec_read.incidents where id = $3))
        order by created desc, id desc limit $4
        """,
        owner,
        list(statuses),
        after,
        limit,
    )
    return [TABLE.parse(record) for record in found]
