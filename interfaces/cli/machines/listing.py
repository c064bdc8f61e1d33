"""What is known of machines: all of them, and one of them whole."""

from collections.abc import Sequence
from datetime import timedelta

import typer

from events.machines import LOGIN_NEEDED, MachineLoad, Queue
from interfaces.cli.machines.accounts import by_name
from interfaces.cli.machines.looking import print_checkup
from interfaces.cli.machines.naming import Named, machine_named
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, fields, say, table
from interfaces.cli.session import kept, run
from interfaces.showing import ShownMachine
from projections.machines import Machine, list_machines


def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List machines: whether new jobs may go there, whether they answer, how loaded they are.

    Example: vestec machines list

    Next: vestec machines show NAME
    """

    async def work() -> list[Machine]:
        async with kept(ctx) as storage:
            return await list_machines(storage.pool)

    found = run(work())
    if json:
        return as_json(found)
    rows = [
        (
            machine.name,
            f"{machine.settings.connection}/{machine.settings.dialect}",
            machine.enabled,
            _reachable(machine),
            len(machine.simulations),
            machine.reason or machine.trouble or machine.notice,
        )
        for machine in found
    ]
    return table(
        ("name", "spoken to by", "enabled", "reachable", "our jobs", "reason"),
        rows,
        "There are none yet. Next: vestec machines add --help",
    )


def _reachable(machine: Machine) -> str | bool:
    if machine.login_needed:
        return LOGIN_NEEDED
    return "unknown" if machine.reachable is None else machine.reachable


def print_queues(queues: Sequence[Queue]) -> None:
    """A line a queue; what the batch system does not tell stays empty."""
    rows = [
        (
            queue.name,
            queue.open,
            queue.walltime and str(timedelta(seconds=queue.walltime)),
            queue.nodes,
            queue.running,
            queue.queued,
        )
        for queue in queues
    ]
    table(("queue", "open", "walltime at most", "nodes", "running", "queued"), rows, "")


def show(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Show one machine: its settings, its load, and why the newest job was sent there.

    Where its settings say how long folders of jobs last: when the next is removed, by us and by
    its centre.

    Example: vestec machines show local

    Next: vestec machines check NAME, vestec machines enable NAME
    """

    async def work() -> tuple[ShownMachine, dict[str, str]]:
        async with kept(ctx) as storage:
            found = await machine_named(storage, name)
            return found, await by_name(storage, found.settings.accounts)

    found, accounts = run(work())
    if json:
        return as_json(found)
    settings = found.settings.model_dump(exclude={"name"})
    settings["accounts"]["of"] = accounts
    if found.login_needed:
        say(f"{LOGIN_NEEDED}: {found.reason}. Then: vestec machines login {name}")
    known = found.model_dump(exclude={"settings", "checkup", "load", "estimates"})
    load = found.load or MachineLoad()
    fields({**known, "load": load.model_dump(exclude={"queues"}), **settings})
    if load.queues:
        print_queues(load.queues)
    if found.checkup:
        print_checkup(found.checkup)
    return None
