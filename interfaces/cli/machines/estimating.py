"""When a job would start on a machine, before anything is submitted."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import uuid4

import typer

from events.jobs import JobOptions
from events.machines import EstimateStart, StartEstimate
from events.simulations import Resources
from interfaces.cli.errors import Complaint
from interfaces.cli.machines.naming import Named, machine_named
from interfaces.cli.machines.steering import LOOK, carry_out
from interfaces.cli.options import AsJson
from interfaces.cli.output import answer
from interfaces.cli.session import desk, run

_WAIT = 60.0
"""Seconds for an answer: a budget of commands may be spent."""


def estimate(
    ctx: typer.Context,
    name: Named,
    walltime: Annotated[int, typer.Option(min=1, help="Seconds that the job may run.")],
    nodes: Annotated[int, typer.Option(min=1)] = 1,
    tasks: Annotated[int, typer.Option(min=1)] = 1,
    cpus_per_task: Annotated[int, typer.Option(min=1)] = 1,
    memory_mib: Annotated[int | None, typer.Option(min=1, help="Of each node.")] = None,
    gpus: Annotated[int, typer.Option(min=0, help="Of each node.")] = 0,
    queue: Annotated[str, typer.Option(help="Or partition; its default if unset.")] = "",
    account: Annotated[str, typer.Option(help="Who would pay.")] = "",
    qos: Annotated[str, typer.Option()] = "",
    reservation: Annotated[str, typer.Option()] = "",
    json: AsJson = False,
) -> None:
    """Ask a machine's batch system when a job would start if it were submitted now; nothing is.

    The running system asks, over the connection and within the budget of commands that it has
    there. Slurm tells; others only say what they would never start, or nothing.

    Example: vestec machines estimate archer --nodes 4 --tasks 256 --walltime 1800 --queue express

    Next: vestec machines show NAME
    """
    resources = Resources(
        walltime=walltime,
        nodes=nodes,
        tasks=tasks,
        cpus_per_task=cpus_per_task,
        memory_mib=memory_mib,
        gpus=gpus,
    )
    options = JobOptions(queue=queue, account=account, qos=qos, reservation=reservation)
    wanted = EstimateStart(name=name, estimate=uuid4(), resources=resources, options=options)

    async def work() -> StartEstimate | None:
        async with desk(ctx) as at:
            await machine_named(at.storage, name)
            if not await carry_out(at, [wanted]):
                return None
            async with asyncio.timeout(_WAIT):
                while True:
                    for one in (await machine_named(at.storage, name)).estimates:
                        if one.id == wanted.estimate:
                            return one
                    await asyncio.sleep(LOOK / 4)

    try:
        found = run(work())
    except TimeoutError:
        raise Complaint(f"{name} has not answered within {_WAIT:g} s.") from None
    if found and found.failed:
        raise Complaint(f"{name} could not be asked: {found.failed}.")
    answer(json, found or {"name": name, "known": False}, _words(name, found))


def _words(name: str, found: StartEstimate | None) -> str:
    if found is None:
        return f"what {name} says is not known yet"
    if found.impossible:
        return f"{name} would never start it: {found.impossible}"
    if found.start is None:
        return f"{name} does not tell when it would start"
    start = datetime.fromtimestamp(found.start, UTC)
    wait = max(timedelta(), start - datetime.now(UTC))
    return f"{name} would start it at {start:%Y-%m-%d %H:%M:%S}Z, in {str(wait).partition('.')[0]}"
