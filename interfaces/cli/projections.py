"""`vestec projections`: how far read models are behind the log, and how to have them made anew."""

import time
from datetime import datetime
from typing import Annotated

import typer

from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, say, table
from interfaces.cli.session import kept, run
from projections import PROJECTIONS, PartitionStatus, rebuild
from projections import status as read_status
from projections.processes import living

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Read models: how far behind they are; rebuild them.\n\n"
    "Begin with: vestec projections status",
)


@app.command()
def status(ctx: typer.Context, json: AsJson = False) -> None:
    """Show how far each read model is behind the log; with --json each of its partitions.

    Example: vestec projections status

    Next: vestec projections rebuild NAME
    """

    async def work() -> list[PartitionStatus]:
        async with kept(ctx) as storage:
            return await read_status(storage.pool, storage.log, time.time)

    found = run(work())
    if json:
        return as_json(found)
    by_name = [(p.name, [row for row in found if row.projection == p.name]) for p in PROJECTIONS]
    rows = [
        (
            name,
            sum(row.lag_records for row in of_one),
            max((row.lag_seconds for row in of_one), default=0.0),
            _as_of(of_one),
        )
        for name, of_one in by_name
    ]
    return table(("projection", "records behind", "seconds behind", "as of"), rows, "")


def _as_of(rows: list[PartitionStatus]) -> datetime | None:
    return max((row.as_of for row in rows if row.as_of), default=None)


@app.command("rebuild")
def rebuild_(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which; all if absent.")] = None,
) -> None:
    """Have a read model folded anew from the log, by the system that runs or by the next one.

    Without a name all of them, and managers forget their snapshots: what is to be done after a log
    was restored from a backup.

    Example: vestec projections rebuild timeline

    Next: vestec projections status
    """

    async def work() -> bool:
        async with kept(ctx) as storage:
            for one in await rebuild(storage.pool, name):
                say(f"{one} begins anew")
            return any("projections" in process.parts for process in await living(storage.pool))

    if not run(work()):
        say("Nobody runs projections now: they are folded when somebody does. Next: vestec up")
