"""The incident's log for operators: notes, refusals and failures, with what to do next."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from events import incidents, operations, simulations
from events.envelope import Commit, Recorded
from events.values import Context, Event
from projections.database import Connection, Queries, at, storable
from projections.projection import SCHEMA, Fact, Projection
from projections.rows import Table
from projections.sentences import Level, Line, Subject, Subjects, line_of, refusal_of


class Entry(BaseModel):
    """One line that an operator should read."""

    incident: str
    time: datetime
    level: Level
    text: str
    next: str
    """What to do about it; empty: nothing."""
    subject: UUID | None
    """The run, simulation or arrival it is about."""
    context: Context
    partition: int
    offset: int
    index: int


def _incident(commit: Commit, event: Event) -> str | None:
    wanted = getattr(event, "wanted", None)
    return commit.incident or getattr(event, "incident", getattr(wanted, "incident", None))


def _told(fact: Fact, known: Subjects) -> Iterator[tuple[int, str, Line]]:
    """What an operator should read of a commit: the event's index (-1: the commit's own), whose."""
    lines: list[tuple[int, str | None, Line | None]] = [
        (-1, fact.commit.incident, refusal_of(fact.commit)),
        *(
            (index, _incident(fact.commit, event), line_of(fact.commit, event, known))
            for index, event in enumerate(fact.commit.events)
        ),
    ]
    for index, incident, line in lines:
        if incident and line:
            yield index, incident, line


def _rows(fact: Fact, known: Subjects) -> Iterator[tuple[object, ...]]:
    place = (fact.context.value, fact.partition, fact.offset)
    for index, incident, line in _told(fact, known):
        job = known.of(line.subject) if isinstance(line.subject, str) else None
        subject = line.subject if isinstance(line.subject, UUID) else job and job.simulation
        texts = (line.level, storable(line.text), storable(line.next), subject)
        yield storable(incident), at(fact.time), *texts, *place, index


def _subject(was: Subject | None, it: Recorded) -> Subject | None:
    match it.event:
        case incidents.MessageQueued(message=id, stage=stage):
            return Subject(id=str(id), name=stage)
        case simulations.SimulationCreated(simulation=id, request=request):
            return Subject(id=str(id), name=request.kind)
        case simulations.SimulationPlaced(machine=machine):
            return was and was.model_copy(update={"machine": machine})
        case operations.SubmissionIntended(simulation=id, request=request):
            return Subject(id=request.token, name=request.kind, simulation=id)
        case _:
            return was


def _subject_id(it: Recorded) -> str | None:
    match it.event:
        case incidents.MessageQueued(message=id):
            return str(id)
        case (
            simulations.SimulationCreated(simulation=id)
            | simulations.SimulationPlaced(simulation=id)
        ):
            return str(id)
        case operations.SubmissionIntended(request=request):
            return request.token
        case _:
            return None


_SUBJECTS = Table("journal_subjects", Subject, "id", _subject_id, _subject)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    await _SUBJECTS.fold(connection, [it for fact in batch for it in fact.events()])
    # Said first without names, so that only what is told costs a look at the table.
    told = [line for fact in batch for _, _, line in _told(fact, Subjects())]
    if not told:
        return
    ids = {str(line.subject) for line in told if line.subject}
    known = Subjects((one.id, one) for one in await _SUBJECTS.find(connection, ids))
    rows = [row for fact in batch for row in _rows(fact, known)]
    await connection.copy_records_to_table(
        "journal", records=rows, columns=list(Entry.model_fields), schema_name=SCHEMA
    )


PROJECTION = Projection(
    name="journal",
    version=5,
    contexts=tuple(context for context in Context if context != Context.USERS),
    tables=("journal", "journal_subjects"),
    ddl="""
        create table vestec_read.journal (
            incident text not null,
            time timestamptz not null,
            level text not null,
            text text not null,
            next text not null,
            subject uuid,
            context text not null,
            partition integer not null,
            "offset" bigint not null,
            "index" integer not null,
            primary key (context, partition, "offset", "index")
        );
        create index on vestec_read.journal (incident, time);
        create table vestec_read.journal_subjects (
            id text primary key,
            name text not null,
            machine text,
            simulation uuid
        );
        """,
    apply=_apply,
)


async def read_journal(database: Queries, incident: str, limit: int = 1000) -> list[Entry]:
    """The newest entries about an incident, newest first."""
    found = await database.fetch(
        """
        select * from vestec_read.journal where incident = $1
        order by time desc, context, partition, "offset" desc, "index" desc limit $2
        """,
        incident,
        limit,
    )
    return [Entry.model_validate(dict(record)) for record in found]
