"""Questions that stages ask people, and what was answered."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, JsonValue

from events import incidents as e
from events.envelope import Recorded
from managers.incidents import question_id
from projections.database import Queries, at, when
from projections.rows import Table


class Question(BaseModel):
    """What a stage asks: somebody chooses, or the clock does."""

    id: UUID
    incident: str
    run: UUID
    """Of the stage that waits."""
    text: str
    choices: list[str]
    asked: datetime
    due: datetime | None
    """When `otherwise` is taken for the answer."""
    otherwise: JsonValue
    answered: datetime | None = None
    answer: JsonValue = None


def _evolve(was: Question | None, it: Recorded) -> Question | None:
    match it.event:
        case e.CallRequested(question=str() as text) as asked:
            return Question(
                id=question_id(asked.run, asked.call),
                incident=it.commit.key,
                run=asked.run,
                text=text,
                choices=asked.choices,
                asked=at(it.time),
                due=when(asked.due),
                otherwise=asked.otherwise.json_value,
            )
        case e.CallAnswered(value=value):
            answered = {"answered": at(it.time), "answer": value.json_value}
            return was and was.model_copy(update=answered)
    return was


def _key(it: Recorded) -> UUID | None:
    match it.event:
        case e.CallRequested(question=str()) | e.CallAnswered(name="ask"):
            return question_id(it.event.run, it.event.call)
        case _:
            return None


TABLE = Table("questions", Question, "id", _key, _evolve)

DDL = """
create table vestec_read.questions (
    id uuid primary key,
    incident text not null,
    run uuid not null,
    text text not null,
    choices text[] not null,
    asked timestamptz not null,
    due timestamptz,
    otherwise jsonb,
    answered timestamptz,
    answer jsonb
);
create index on vestec_read.questions (incident) where answered is null;
"""


async def open_questions(database: Queries, incident: str) -> list[Question]:
    """What stages of an incident wait for now, the oldest first."""
    found = await database.fetch(
        """
        select q.* from vestec_read.questions q join vestec_read.stage_runs r on r.run = q.run
        where q.incident = $1 and answered is null and r.status in ('waiting', 'running')
        order by asked, id
        """,
        incident,
    )
    return [TABLE.parse(record) for record in found]
