"""What is looked into: what was done on a machine, and what it can do."""

import asyncio
from typing import Annotated
from uuid import uuid4

import typer

from events.checkups import Checkup, Mark
from events.machines import LOGIN_NEEDED, CheckMachine
from interfaces.cli.errors import Complaint
from interfaces.cli.machines.naming import Named, machine_named
from interfaces.cli.machines.steering import LOOK, carry_out
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, compact, say, table
from interfaces.cli.session import desk, kept, run
from projections.audit import AuditLine, read_audit

_MARKS = {Mark.YES: "✓", Mark.NO: "✗", Mark.UNKNOWN: "?"}


def audit(
    ctx: typer.Context,
    name: Named,
    limit: Annotated[int, typer.Option(min=1, help="Of the newest lines.")] = 1000,
    json: AsJson = False,
) -> None:
    """Show what was done on a machine: each command that changes something, with its result.

    It says for whom (the incident, its stage and its owner), who asked for it, and what a job is
    charged to. Questions change nothing and are not in it. It is kept for ever.

    Example: vestec machines audit local

    Next: vestec simulations show ID
    """

    async def work() -> list[AuditLine]:
        async with kept(ctx) as storage:
            lines = await read_audit(storage.pool, name, limit)
            if not lines:
                await machine_named(storage, name)  # one that was removed has lines, too
            return lines

    found = run(work())
    if json:
        return as_json(found)
    rows = [
        (
            entry.time,
            entry.command,
            entry.result,
            entry.token,
            entry.account,
            entry.simulation,
            entry.incident,
            entry.stage,
            entry.owner,
            entry.actor,
        )
        for entry in found
    ]
    columns = (
        "time",
        "command",
        "result",
        "job",
        "account",
        "simulation",
        "incident",
        "stage",
        "owner",
        "asked by",
    )
    return table(columns, rows, "Nothing was done there yet.")


def check(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Find out what can be known of a machine: a tick, a cross and what to do, or unknown.

    The running system does it, over the connection that it has there: it asks the login node and
    the batch system, moves a file, and runs a job of a second, whose folder is removed afterwards.
    Ctrl-C ends the waiting, not the check.

    What it measured (how late the accounts are, whether there are any) counts from then on, where
    the machine's settings say nothing of it.

    Example: vestec machines check archer

    Next: vestec machines show NAME, vestec machines enable NAME
    """

    async def work() -> Checkup | None:
        async with desk(ctx) as at:
            before = await machine_named(at.storage, name)
            if not await carry_out(at, [CheckMachine(name=name, check=uuid4())]):
                return None
            while (after := await machine_named(at.storage, name)).checked in (
                None,
                before.checked,
            ):
                if after.login_needed:
                    raise Complaint(f"{LOGIN_NEEDED}: {after.reason}. {name} is checked after it.")
                await asyncio.sleep(LOOK)
            return after.checkup

    found = run(work())
    if json:
        as_json(found or {"name": name, "known": False})
    elif found:
        print_checkup(found)
    else:
        say(f"what {name} is like is not known yet")


def print_checkup(checkup: Checkup) -> None:
    """A line a question, and what was learned."""
    lines = checkup.findings
    rows = [(_MARKS[one.mark], one.about, one.found, one.advice) for one in lines]
    table(("", "question", "found", "what to do"), rows, "Nothing was asked.")
    if checkup.learned:
        say(f"learned: {compact(checkup.learned)}")
