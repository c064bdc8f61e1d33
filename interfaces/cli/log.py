"""`vestec log`: everything that happened, record by record, and whether the log is sound."""

from typing import Annotated

import typer

from deploy.storage import Storage
from events.values import Context
from interfaces.cli.errors import Complaint
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, json_line, say, table
from interfaces.cli.records import lines_of, plain
from interfaces.cli.session import kept, run
from interfaces.cli.soundness import Soundness, examine
from projections.positions import load_all

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The log of everything that happened: show and verify it.\n\n"
    "Begin with: vestec log show incidents",
)


@app.command()
def show(
    ctx: typer.Context,
    context: Annotated[Context, typer.Argument(help="Whose events.", show_choices=True)],
    partition: Annotated[int | None, typer.Option(min=0, help="Only this one.")] = None,
    from_: Annotated[int, typer.Option("--from", min=0, help="Begin at this offset.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show every record of a context's events: what happened, and also what does not count.

    A line each: events, messages to other managers, refusals, takeovers of the partition by a
    process, and commits of a process that had lost it (marked: they do not count).

    Example: vestec log show incidents --json | jq 'select(.counts)'

    Next: vestec log verify, vestec replay INCIDENT
    """

    async def work() -> None:
        async with kept(ctx) as storage:
            async for line in lines_of(storage.log, context, partition, from_):
                if json:
                    json_line(line)
                else:
                    say(plain(line))

    run(work())


@app.command()
def verify(ctx: typer.Context, json: AsJson = False) -> None:
    """Read the whole log and check it: gaps, commits that cannot be read, read models of another.

    Example: vestec log verify

    Next: vestec log show CONTEXT for a closer look
    """

    async def work() -> list[Soundness]:
        async with kept(ctx) as storage:
            return await _examined(storage)

    found = run(work())
    if json:
        as_json(found)
    else:
        columns = ("context", "partition", "records", "takeovers", "count", "do not count")
        rows = [(s.context, s.partition, s.records, s.takeovers, s.count, s.dead) for s in found]
        table(columns, rows, "")
    problems = [problem for one in found for problem in one.problems]
    if problems:
        raise Complaint(f"The log is not sound: {'; '.join(problems)}.")
    if not json:
        say("The log is sound.")


async def _examined(storage: Storage) -> list[Soundness]:
    marks = await load_all(storage.pool)
    return [one async for one in examine(storage.log, marks)]
