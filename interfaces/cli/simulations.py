"""`vestec simulations`: jobs on machines, as readers know them."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

import typer

from deploy.storage import Storage
from events import simulations as e
from events.values import Command, Context
from interfaces.cli.errors import Complaint
from interfaces.cli.options import AsJson
from interfaces.cli.output import answer, as_json, fields, short, table
from interfaces.cli.session import desk, kept, run, the_one
from interfaces.showing import ShownSimulation, shown_simulation
from projections.incidents import TABLE as INCIDENTS
from projections.simulations import TABLE as SIMULATIONS
from projections.simulations import (
    Simulation,
    list_simulations,
    newest_simulations,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Jobs on machines: look at them, hold them, cancel them.\n\n"
    "Begin with: vestec simulations list",
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the simulation, or how it begins.")]
_NEWEST = 200


@app.command("list")
def list_(
    ctx: typer.Context,
    incident: Annotated[
        str | None, typer.Argument(help="Only those of this incident; all if absent.")
    ] = None,
    json: AsJson = False,
) -> None:
    """List simulations: an incident's in order of creation, or the newest of all.

    Example: vestec simulations list 3f2a

    Next: vestec simulations show ID
    """

    async def work() -> list[Simulation]:
        async with kept(ctx) as storage:
            if incident is None:
                return await newest_simulations(storage.pool, _NEWEST)
            id = await the_one(storage, INCIDENTS, "incident", incident)
            return await list_simulations(storage.pool, id)

    found = run(work())
    if json:
        return as_json(found)
    rows = [
        (short(s.id), short(s.incident), s.kind, s.state, s.witness, s.machine, s.job_id, s.changed)
        for s in found
    ]
    return table(
        ("id", "incident", "kind", "state", "says", "machine", "job", "changed"),
        rows,
        "There are none yet: an incident's workflow creates them.",
    )


@app.command()
def show(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Show one simulation: its state and who says so, where it runs and why there.

    Its folder, on its machine, holds what the program read and wrote, with its stdout and stderr;
    where the machine's settings say how long, it says until when we keep it and its centre does.

    Example: vestec simulations show 9c1e

    Next: vestec simulations refresh ID, vestec simulations hold ID, vestec simulations cancel ID
    """

    async def work() -> ShownSimulation:
        async with kept(ctx) as storage:
            return await _simulation(storage, id)

    found = run(work())
    if json:
        as_json(found)
    else:
        fields(dict(found))


@app.command()
def cancel(
    ctx: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="For the log.")] = "",
    json: AsJson = False,
) -> None:
    """Cancel a simulation; it has ended when a witness on its machine says so.

    Example: vestec simulations cancel 9c1e --reason 'wrong wind'

    Next: vestec simulations show ID
    """
    _steer(ctx, id, lambda found: e.CancelSimulation(simulation=found, reason=reason), json)


@app.command()
def retry(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Submit once more what was never found on its machine, or now what waits for room there.

    Mend first what keeps it from being taken: the incident's log says what the machine answered.

    Example: vestec simulations retry 9c1e

    Next: vestec simulations show ID
    """
    _steer(ctx, id, lambda found: e.RetrySimulation(simulation=found), json)


@app.command()
def hold(
    ctx: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="For the log.")] = "",
    json: AsJson = False,
) -> None:
    """Keep a simulation whose job waits from starting; it is held when its machine says so.

    Example: vestec simulations hold 9c1e --reason 'the weather is not there yet'

    Next: vestec simulations release ID
    """
    _steer(ctx, id, lambda found: e.HoldSimulation(simulation=found, reason=reason), json)


@app.command()
def release(
    ctx: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="For the log.")] = "",
    json: AsJson = False,
) -> None:
    """Let a simulation whose job is held start when it may.

    Example: vestec simulations release 9c1e

    Next: vestec simulations show ID
    """
    _steer(ctx, id, lambda found: e.ReleaseSimulation(simulation=found, reason=reason), json)


@app.command()
def refresh(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Ask a simulation's machine about it now, not at its next turn.

    Example: vestec simulations refresh 9c1e

    Next: vestec simulations show ID
    """
    _steer(ctx, id, lambda found: e.RefreshSimulation(simulation=found), json)


def _steer(ctx: typer.Context, id: str, command: Callable[[UUID], Command], json: bool) -> None:
    async def work() -> None:
        async with desk(ctx) as at:
            found = await _simulation(at.storage, id)
            known = await at.carry_out(
                Context.SIMULATIONS, found.incident, command(found.id), "simulations"
            )
            after = await _simulation(at.storage, str(found.id)) if known else None
        answer(json, after or {"id": found.id, "known": False}, f"{found.id} {_words(after)}")

    run(work())


def _words(after: Simulation | None) -> str:
    if after is None:
        return "not known yet"
    return f"{after.state}, its end was asked for" if after.cancelling else str(after.state)


async def _simulation(storage: Storage, prefix: str) -> ShownSimulation:
    id = await the_one(storage, SIMULATIONS, "simulation", prefix)
    if (found := await shown_simulation(storage.pool, UUID(id))) is None:
        raise Complaint(f"There is no simulation {id} (yet). See: vestec simulations list")
    return found
