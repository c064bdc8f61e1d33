"""How a command is told which machine is meant."""

from typing import Annotated

import typer

from deploy.storage import Storage
from interfaces.cli.errors import Complaint
from interfaces.showing import ShownMachine, shown_machine
from projections.machines import list_machines

Named = Annotated[str, typer.Argument(metavar="NAME", help="Name of the machine.")]


async def machine_named(storage: Storage, name: str) -> ShownMachine:
    """Raises `Complaint` with the names that there are."""
    if found := await shown_machine(storage.pool, name):
        return found
    names = ", ".join(machine.name for machine in await list_machines(storage.pool))
    raise Complaint(f"There is no machine {name}; there are: {names or 'none'}.")
