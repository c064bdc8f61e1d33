"""Which processes of a system are alive.

Not a projection: each process says so itself, again and again, on the database's clock.
"""

from collections.abc import Sequence

from pydantic import BaseModel

from projections.database import Connection, Pool

_DDL = """
create table if not exists vestec_read.processes (
    process text primary key,
    parts text not null,
    blobs text not null,
    seen timestamptz not null default now()
);
do $$ begin
    if not exists (
        select from information_schema.columns
        where table_schema = 'vestec_read' and table_name = 'processes' and column_name = 'log'
    ) then
        alter table vestec_read.processes
            add column if not exists agent text not null default '',
            add column if not exists log text not null default '';
    end if;
end $$;
"""
"""Columns that are there are not asked for again: even `if not exists` waits for who writes, and
one that was stopped with a statement in hand holds on to the table."""

SAYS_SO_EVERY = 5.0
"""Seconds between two signs of life of a process."""
_ALIVE = "seen > now() - interval '20 seconds'"


class Process(BaseModel):
    """A process: the parts that it runs, where it keeps blobs, and what machines name it.

    `log` is the URL of its log, without secrets; empty: the folder's own.
    """

    process: str
    parts: str
    blobs: str
    agent: str = ""
    log: str = ""


async def prepare_processes(connection: Connection) -> None:
    """Create the table if it is missing."""
    await connection.execute(_DDL)


async def living(pool: Pool) -> Sequence[Process]:
    """Those that gave a sign of life lately."""
    rows = await pool.fetch(
        f"""
        select process, parts, blobs, agent, log from vestec_read.processes
        where {_ALIVE} order by process
        """
    )
    return [Process(**row) for row in rows]


async def agents_alive(pool: Pool) -> frozenset[str]:
    """What machines name those of them that may work on some alone."""
    return frozenset(process.agent for process in await living(pool) if process.agent)


async def say_alive(pool: Pool, me: Process) -> None:
    """Give a sign of life."""
    await pool.execute(
        """
        insert into vestec_read.processes (process, parts, blobs, agent, log)
        values ($1, $2, $3, $4, $5)
        on conflict (process) do update set seen = now()
        """,
        me.process,
        me.parts,
        me.blobs,
        me.agent,
        me.log,
    )


async def say_goodbye(pool: Pool, me: Process) -> None:
    """This process ends; what others left behind long ago goes, too."""
    await pool.execute(
        f"delete from vestec_read.processes where process = $1 or not ({_ALIVE})", me.process
    )
