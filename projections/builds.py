"""The tables of projections: made, made anew for a grown version or on demand, and claimed.

A batch begins by claiming its projection's row, which holds up every other batch of it and every
rebuild until the batch is in.
"""

from projections.database import Connection, Queries
from projections.keys import prepare_keys
from projections.people import prepare_people
from projections.positions import MOVED
from projections.processes import prepare_processes
from projections.projection import SCHEMA, Projection
from projections.snapshots import prepare_snapshots


class Rebuilt(Exception):
    """The projection's tables were made anew meanwhile."""


class NewerVersion(Exception):
    """The tables were made by a newer version of this program; rebuild to go back."""


async def prepare(connection: Connection) -> None:
    """Create what is beside the projections and what they share, if it is missing.

    Any number of processes may do so at once: two that make a table would meet errors otherwise.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(hashtext('vestec_read'))")
        await connection.execute(f"""
            create schema if not exists {SCHEMA};
            create table if not exists {SCHEMA}.projections (
                name text primary key,
                version integer not null,
                build integer not null,
                moved timestamptz
            );
            create table if not exists {SCHEMA}.positions (
                projection text not null,
                context text not null,
                partition integer not null,
                "offset" bigint not null,
                epoch bigint not null,
                sequence bigint not null,
                nonce text not null,
                as_of timestamptz,
                primary key (projection, context, partition)
            );
        """)
        await prepare_snapshots(connection)
        await prepare_keys(connection)
        await prepare_people(connection)
        await prepare_processes(connection)


async def ensure(connection: Connection, projection: Projection) -> int:
    """Make the projection's tables if they are missing or older; return the number of the build."""
    async with connection.transaction():
        version, build = await _locked(connection, projection)
        if version > projection.version:
            raise NewerVersion(
                f"projection {projection.name} has version {version}, this program makes version"
                f" {projection.version}: use the newer program, or rebuild the projection"
            )
        return build if version == projection.version else await _rebuild(connection, projection)


async def rebuild(connection: Connection, projection: Projection) -> None:
    """Drop the projection's tables and begin again; runners go on with the new build."""
    async with connection.transaction():
        await _locked(connection, projection)
        await _rebuild(connection, projection)


async def _locked(connection: Connection, projection: Projection) -> tuple[int, int]:
    await connection.execute(
        f"insert into {SCHEMA}.projections values ($1, 0, 0) on conflict do nothing",
        projection.name,
    )
    found = await connection.fetch(
        f"select version, build from {SCHEMA}.projections where name = $1 for update",
        projection.name,
    )
    version, build = found[0]
    return version, build


async def _rebuild(connection: Connection, projection: Projection) -> int:
    for table in projection.tables:
        await connection.execute(f"drop table if exists {SCHEMA}.{table}")
    await connection.execute(
        f"delete from {SCHEMA}.positions where projection = $1", projection.name
    )
    await connection.execute(projection.ddl)
    build: int = await connection.fetchval(
        f"""
        update {SCHEMA}.projections set version = $2, build = build + 1, moved = now()
        where name = $1 returning build, pg_notify('{MOVED}', name)
        """,
        projection.name,
        projection.version,
    )
    return build


async def current_build(database: Queries, projection: str) -> int | None:
    """The number of the projection's present build."""
    build: int | None = await database.fetchval(
        f"select build from {SCHEMA}.projections where name = $1", projection
    )
    return build


async def claim(connection: Connection, projection: Projection, build: int) -> None:
    """Hold up all other batches until the transaction ends; wake readers when it does.

    Rows and position are lost together if power is: then they are folded again, so that only
    `durable` projections wait for the disk.
    """
    found = await connection.fetchrow(
        f"""
        update {SCHEMA}.projections set moved = now() where name = $1 and build = $2
        returning pg_notify('{MOVED}', name), set_config('synchronous_commit', $3, true)
        """,
        projection.name,
        build,
        "on" if projection.durable else "off",
    )
    if found is None:
        raise Rebuilt(f"projection {projection.name} was rebuilt meanwhile")
