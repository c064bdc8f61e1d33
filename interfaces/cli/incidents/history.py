"""What happened in an incident: its log, and which stages ran."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from interfaces.cli.incidents.listing import cells
from interfaces.cli.incidents.naming import Id, id_of, incident_of
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, say, table
from interfaces.cli.session import kept, run
from projections.graph import dot, draw
from projections.journal import read_journal
from projections.stages import list_stage_runs


def log(
    ctx: typer.Context,
    id: Id,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    json: AsJson = False,
) -> None:
    """Show what an operator should read about an incident, oldest first, with what to do.

    Example: vestec incidents log 3f2a

    Next: vestec replay ID shows everything that happened
    """

    async def work() -> list[Any]:
        async with kept(ctx) as storage:
            incident = await id_of(storage, id)
            return (await read_journal(storage.pool, incident, limit))[::-1]

    found = run(work())
    if json:
        return as_json(found)
    rows = [(entry.time, entry.level, entry.text, entry.next) for entry in found]
    columns = ("time", "level", "what", "next")
    return table(columns, rows, "Nothing that an operator should read.")


def graph(
    ctx: typer.Context,
    id: Id,
    as_dot: Annotated[bool, typer.Option("--dot", help="In Graphviz' language.")] = False,
    json: AsJson = False,
) -> None:
    """Show which stages ran, for how long, and who sent them messages.

    Example: vestec incidents graph 3f2a --dot | dot -Tsvg -o graph.svg

    Next: vestec incidents log ID
    """

    async def work() -> list[Any]:
        async with kept(ctx) as storage:
            return await list_stage_runs(storage.pool, (await incident_of(storage, id)).id)

    drawn = draw(run(work()), datetime.now(UTC))
    if as_dot:
        return print(dot(drawn), end="")
    if json:
        return as_json(drawn)
    names = ("name", "status", "runs", "seconds")
    table(names, [cells(node, names) for node in drawn.nodes], "Nothing ran yet.")
    for edge in drawn.edges:
        say(f"{edge.sender} -> {edge.receiver}  {edge.messages}")
    return None
