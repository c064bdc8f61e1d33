"""What an incident's stages ask people, and the answers."""

from typing import Annotated
from uuid import UUID

import typer

from events.incidents import AnswerQuestion
from interfaces.cli.errors import Complaint
from interfaces.cli.incidents.naming import Id, id_of
from interfaces.cli.incidents.steering import carry_out
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, short, table
from interfaces.cli.session import desk, kept, run, the_one
from projections.questions import TABLE as QUESTIONS
from projections.questions import Question, open_questions


def questions(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Show what an incident's stages ask and nobody has answered yet.

    Example: vestec incidents questions 3f2a

    Next: vestec incidents answer QUESTION CHOICE
    """

    async def work() -> list[Question]:
        async with kept(ctx) as storage:
            incident = await id_of(storage, id)
            return await open_questions(storage.pool, incident)

    found = run(work())
    if json:
        return as_json(found)
    rows = [(short(q.id), q.text, q.choices, q.otherwise, q.due) for q in found]
    columns = ("question", "what", "choices", "unanswered", "when")
    return table(columns, rows, "No stage asks anything.")


def answer(
    ctx: typer.Context,
    question: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    choice: Annotated[str, typer.Argument(help="One of its choices.")],
    json: AsJson = False,
) -> None:
    """Answer a question that a stage asks.

    Example: vestec incidents answer 9c1d evacuate

    Next: vestec incidents log ID
    """

    async def work() -> None:
        async with desk(ctx) as at:
            asked = await the_one(at.storage, QUESTIONS, "question", question)
            found = await QUESTIONS.find(at.storage.pool, [UUID(asked)])
            if not found:
                raise Complaint(f"There is no question {asked}.")
            command = AnswerQuestion(question=UUID(asked), choice=choice)
            await carry_out(at, found[0].incident, command, json)

    run(work())
