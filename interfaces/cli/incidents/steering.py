"""What is decided about an incident that is there, and how the outcome is told."""

from typing import Annotated
from uuid import UUID

import typer

from deploy.storage import Storage
from events import incidents as e
from events.values import Command, Context, Urgency
from interfaces.cli.incidents.naming import Id, id_of
from interfaces.cli.options import AsJson
from interfaces.cli.output import answer, notice
from interfaces.cli.session import Desk, desk, run, the_one
from projections.incidents import Incident, find_incident
from projections.stages import TABLE as RUNS


def activate(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Start an incident's workflow: its endpoints open, its stages run.

    Example: vestec incidents activate 3f2a

    Next: vestec incidents push ID ENDPOINT FILE
    """
    _steer(ctx, id, e.ActivateIncident(), json)


def cancel(
    ctx: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="For the log.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Stop its clean-up as well.")] = False,
    json: AsJson = False,
) -> None:
    """End an incident: its stages stop, its jobs are cancelled, its endpoints close.

    If its workflow has a last stage that cleans up, that runs first. Where that does not end,
    --force stops it and ends the incident at once, with both reasons in its log.

    Example: vestec incidents cancel 3f2a --reason 'the fire is out'

    Next: vestec incidents log ID, vestec incidents archive ID
    """
    found = _steer(ctx, id, e.CancelIncident(reason=reason, force=force), json)
    if found and found.ended is None and not json:
        notice(f"Its last stage cleans up. To end it without: vestec incidents cancel {id} --force")


def urgency(
    ctx: typer.Context,
    id: Id,
    level: Annotated[Urgency, typer.Argument(help="How much it presses from now on.")],
    reason: Annotated[str, typer.Option(help="For the log.")] = "",
    json: AsJson = False,
) -> None:
    """Say how much an incident presses: machines give its next simulations what that buys there.

    What was submitted before stays as it is.

    Example: vestec incidents urgency 3f2a critical --reason 'the fire has reached the town'

    Next: vestec incidents show ID
    """
    _steer(ctx, id, e.SetUrgency(urgency=level, reason=reason), json)


def archive(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Put an incident that is over away; its log and its results stay.

    Example: vestec incidents archive 3f2a

    Next: vestec replay ID
    """
    _steer(ctx, id, e.ArchiveIncident(), json)


def retry(
    ctx: typer.Context,
    id: Id,
    failed: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Only this failed run, or its beginning.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Run failed stages again; what they did successfully is kept.

    Example: vestec incidents retry 3f2a

    Next: vestec incidents show ID
    """

    async def work() -> None:
        async with desk(ctx) as at:
            incident = await id_of(at.storage, id)
            chosen = failed and await the_one(at.storage, RUNS, "run", failed)
            command = e.RetryStage(run=UUID(chosen) if chosen else None)
            await carry_out(at, incident, command, json)

    run(work())


def _steer(ctx: typer.Context, id: str, command: Command, json: bool) -> Incident | None:
    async def work() -> Incident | None:
        async with desk(ctx) as at:
            incident = await id_of(at.storage, id)
            return await carry_out(at, incident, command, json)

    return run(work())


async def carry_out(at: Desk, id: str, command: Command, json: bool) -> Incident | None:
    """Have a command carried out, and tell what became of the incident."""
    known = await at.carry_out(Context.INCIDENTS, id, command, "incidents")
    return await tell(at.storage, id, known, json)


async def tell(storage: Storage, id: str, known: bool, json: bool) -> Incident | None:
    """Tell of an incident after a command, as far as it is known; the incident."""
    found = await find_incident(storage.pool, id) if known else None
    told = f"{id} {found.status if found else 'not known yet'}"
    answer(json, found or {"id": id, "known": False}, told)
    return found
