"""How a command is told which incident is meant."""

from typing import Annotated

import typer

from deploy.storage import Storage
from interfaces.cli.errors import Complaint
from interfaces.cli.session import the_one
from projections.incidents import TABLE as INCIDENTS
from projections.incidents import Incident, find_incident

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the incident, or how it begins.")]


async def id_of(storage: Storage, prefix: str) -> str:
    """The id that begins so, which nothing may be known of yet. Raises `Complaint`."""
    return await the_one(storage, INCIDENTS, "incident", prefix)


async def incident_of(storage: Storage, prefix: str) -> Incident:
    """The incident whose id begins so. Raises `Complaint`."""
    id = await id_of(storage, prefix)
    if (found := await find_incident(storage.pool, id)) is None:
        raise Complaint(f"There is no incident {id} (yet). See: vestec incidents list")
    return found
