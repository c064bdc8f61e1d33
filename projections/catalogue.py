"""All projections there are."""

from projections import (
    audit,
    builds,
    commands,
    data_sets,
    endpoints,
    folders,
    incidents,
    journal,
    machines,
    simulations,
    timeline,
    users,
)
from projections.database import Pool
from projections.projection import Projection
from projections.snapshots import forget_snapshots

PROJECTIONS: tuple[Projection, ...] = (
    commands.PROJECTION,
    incidents.PROJECTION,
    simulations.PROJECTION,
    data_sets.PROJECTION,
    endpoints.PROJECTION,
    machines.PROJECTION,
    folders.PROJECTION,
    users.PROJECTION,
    audit.PROJECTION,
    journal.PROJECTION,
    timeline.PROJECTION,
)


async def prepare(pool: Pool) -> None:
    """Create all tables that are missing or older than this program; before anything else runs."""
    async with pool.acquire() as connection:
        await builds.prepare(connection)
        for projection in PROJECTIONS:
            await builds.ensure(connection, projection)


class UnknownProjection(Exception):
    """There is no projection of that name."""


async def rebuild(pool: Pool, name: str | None = None) -> list[str]:
    """Have a projection folded anew by whoever runs it; return its name.

    Without a name all of them are, and managers' snapshots are forgotten. Raises
    `UnknownProjection`.
    """
    found = [projection for projection in PROJECTIONS if name in (None, projection.name)]
    if not found:
        known = ", ".join(projection.name for projection in PROJECTIONS)
        raise UnknownProjection(f"there is no projection {name!r}; there are: {known}")
    async with pool.acquire() as connection:
        await builds.prepare(connection)
        for projection in found:
            await builds.rebuild(connection, projection)
        if name is None:
            await forget_snapshots(connection)
    return [projection.name for projection in found]
