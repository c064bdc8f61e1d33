"""How an incident begins."""

from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from deploy.storage import Storage
from events.incidents import CreateIncident
from events.values import Context, IncidentId, Urgency
from interfaces.cli.errors import Complaint
from interfaces.cli.incidents.steering import tell
from interfaces.cli.inputs import parameters_of
from interfaces.cli.options import AsJson
from interfaces.cli.output import notice
from interfaces.cli.session import desk, run
from projections.people import find_person


def create(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="Kind of disaster: an installed workflow.")],
    name: Annotated[str, typer.Argument(help="What people call it.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One of the workflow's parameters; repeatable."),
    ] = None,
    parameters: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="All of them, as a JSON object.")
    ] = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="A drill, and marked as one.")] = (
        False
    ),
    urgency: Annotated[
        Urgency, typer.Option(help="How much it presses: what machines give it first.")
    ] = Urgency.ROUTINE,
    owner: Annotated[
        str | None, typer.Option(metavar="USER", help="Who sees it in the web gateway.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Create an incident; nothing happens in it before it is activated.

    A kind that is not installed is refused with those that are, and a parameter's value that the
    workflow does not take with the reason. A value that is JSON is taken as such (wind=3.5), any
    other as text.

    Example: vestec incidents create wildfire 'Tubbs fire' --parameter timezone=Europe/Athens

    Example: vestec incidents create wildfire 'Tubbs fire' --parameters fire.json --exercise

    Next: vestec incidents activate ID
    """

    async def work() -> None:
        id = uuid4()
        async with desk(ctx, make=True) as at:
            command = CreateIncident(
                incident=IncidentId(str(id)),
                kind=kind,
                name=name,
                parameters=parameters_of(parameters, parameter or ()),
                exercise=exercise,
                urgency=urgency,
                owner=await _user(at.storage, owner),
            )
            known = await at.carry_out(Context.INCIDENTS, str(id), command, "incidents", id=id)
            await tell(at.storage, str(id), known, json)
        if not json:
            notice(f"Next: vestec incidents activate {id}")

    run(work())


async def _user(storage: Storage, name: str | None) -> str:
    if name is None:
        return ""
    if (person := await find_person(storage.pool, name)) is None:
        raise Complaint(f"There is no user {name}. See: vestec users list")
    return str(person.id)
