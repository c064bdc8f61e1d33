"""How a command is told which machine is meant."""

from typing import Annotated

import typer

from deploy.storage import Storage
from interfaces.cli.errors import Complaint
from projections.machines import Machine, list_machines

Named = Annotated[str, typer.Argument(metavar="NAME", help="Name of the machine.")]


async def machine_named(storage: Storage, name: str) -> Machine:
    """Raises `Complaint` with the names that there are."""
    found = {machine.name: machine for machine in await list_machines(storage.pool)}
    if name not in found:
        raise Complaint(f"There is no machine {name}; there are: {', '.join(found) or 'none'}.")
    return found[name]
