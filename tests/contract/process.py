"""Another process at the log, for tests: `python -m tests.contract.process ROLE URL`.

It says what happens to it in lines of JSON on stdout.
"""

import asyncio
import json
import sys

import structlog

from bus import Log, Record
from bus.postgres import PostgresLog
from deploy.engines import open_log

LEASE = 3.0
BATCHES = 25


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


async def write(log: Log) -> None:
    """Append pairs to partition 0 of `t`, and say where they lie."""
    for _ in range(BATCHES):
        say(await log.append("t", 0, [Record("k", b"1"), Record("k", b"2")]))


async def own(log: Log) -> None:
    """Be a member of the group `g`, and say what is owned whenever it changes, for ever."""
    async with log.membership("g", "t") as member:
        owned: frozenset[int] = frozenset()
        while True:
            owned = await member.changed(owned)
            say(sorted(owned))


async def hold(url: str) -> None:
    """The same, but as if stopped in the middle of an append: with the head of `t`/0 locked."""
    log = await PostgresLog.connect(url, lease=LEASE, deadline=60)
    async with log._calls.one() as connection, connection.transaction():
        await connection.execute("UPDATE vestec_log.heads SET next = next WHERE topic = 't'")
        await own(log)


async def main(role: str, url: str) -> None:
    if role == "hold":
        await hold(url)
    log = await open_log(url, lease=LEASE)
    await {"write": write, "own": own}[role](log)
    await log.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(*sys.argv[1:]))
