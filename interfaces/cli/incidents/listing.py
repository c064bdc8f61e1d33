"""What is known of incidents: all of them, and one with all that belongs to it."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import BaseModel

from events.incidents import IncidentStatus
from interfaces.cli.incidents.naming import Id, incident_of
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, fields, say, short, table
from interfaces.cli.session import kept, run
from projections.data_sets import list_data_sets
from projections.endpoints import list_endpoints
from projections.incidents import Incident, list_incidents
from projections.simulations import list_simulations
from projections.stages import list_stage_runs


def list_(
    ctx: typer.Context,
    status: Annotated[
        list[IncidentStatus] | None, typer.Option(help="Only these; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: AsJson = False,
) -> None:
    """List incidents, newest first.

    Example: vestec incidents list --status ACTIVE --status ERROR

    Next: vestec incidents show ID
    """

    async def work() -> list[Incident]:
        async with kept(ctx) as storage:
            return await list_incidents(storage.pool, statuses=status or (), limit=limit)

    found = run(work())
    if json:
        return as_json(found)
    rows = [
        (short(i.id), i.kind, i.name, i.status, i.exercise, i.urgency, i.created, i.ended, i.reason)
        for i in found
    ]
    return table(
        ("id", "kind", "name", "status", "exercise", "urgency", "created", "ended", "reason"),
        rows,
        "There are none yet. Next: vestec incidents create --help",
    )


def show(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Show one incident: where data arrives, what its stages do, its simulations and results.

    Example: vestec incidents show 3f2a

    Next: vestec incidents log ID for its log, vestec data get ID for a result
    """

    async def work() -> Mapping[str, Any]:
        async with kept(ctx) as storage:
            pool, incident = storage.pool, await incident_of(storage, id)
            return {
                "incident": incident,
                "endpoints": await list_endpoints(pool, incident.id),
                "stages": await list_stage_runs(pool, incident.id),
                "simulations": await list_simulations(pool, incident.id),
                "data_sets": await list_data_sets(pool, incident.id),
            }

    found = run(work())
    if json:
        return as_json(found)
    fields(found["incident"].model_dump())
    _section("endpoints", found["endpoints"], "name", "stage", "path", "url", "arrivals", "failing")
    _section("stages", found["stages"], "run", "stage", "status", "seconds", "attempt", "error")
    _section("simulations", found["simulations"], "id", "kind", "state", "machine", "reason")
    _section("data_sets", found["data_sets"], "id", "name", "type", "size", "superseded")
    return None


def _section(title: str, rows: list[BaseModel], *columns: str) -> None:
    if rows:
        say("")
        say(title.replace("_", " "))
        table(columns, [cells(row, columns) for row in rows], "")


def cells(row: BaseModel, columns: tuple[str, ...]) -> list[object]:
    """What a model says under columns of its own names."""
    values = (getattr(row, column) for column in columns)
    return [short(value) if isinstance(value, UUID) else value for value in values]
