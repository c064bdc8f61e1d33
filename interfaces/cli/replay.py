"""`vestec replay`: live through an incident again."""

import asyncio
from typing import Annotated

import typer

from bus import Timestamp
from bus.clock import moment, seconds
from interfaces.cli.errors import Complaint
from interfaces.cli.output import compact, json_line, say
from interfaces.cli.session import kept, run, the_one
from projections.incidents import TABLE as INCIDENTS
from projections.timeline import TimelineEvent, incident_timeline

app = typer.Typer(add_completion=False)


@app.command()
def replay(
    ctx: typer.Context,
    incident: Annotated[str, typer.Argument(help="Id of the incident, or how it begins.")],
    speed: Annotated[
        str, typer.Option(metavar="FACTOR|max", help="60: a minute a second; max: no pauses.")
    ] = "60",
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Live through an incident again, at any speed: its events, causes before effects.

    Example: vestec replay 3f2a --speed max --json | jq .type

    Next: vestec incidents graph ID, vestec log show CONTEXT
    """
    factor = _factor(speed)

    async def work() -> None:
        async with kept(ctx) as storage:
            id = await the_one(storage, INCIDENTS, "incident", incident)
            events = await incident_timeline(storage.pool, id)
        if not events:
            raise Complaint(f"Nothing is known of an incident {id} (yet).")
        before = _at(events[0])
        for event in events:
            await asyncio.sleep(max(_at(event) - before, 0.0) / factor if factor else 0.0)
            before = _at(event)
            if json:
                json_line({"moment": moment(Timestamp(event.time)), **event.model_dump()})
            else:
                say(_plain(event))

    run(work())


def _factor(speed: str) -> float | None:
    """None: without pauses. Raises `typer.BadParameter`."""
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise typer.BadParameter("a speed is a number above 0, or max", param_hint="--speed")
    return factor


def _at(event: TimelineEvent) -> float:
    return seconds(Timestamp(event.time))


def _plain(event: TimelineEvent) -> str:
    when = moment(Timestamp(event.time)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
    said = event.event if isinstance(event.event, dict) else {}
    fields = {name: value for name, value in said.items() if name not in ("type", "version")}
    return f"{when}  {event.context:<11}  {event.type}  {compact(fields)}".rstrip()
