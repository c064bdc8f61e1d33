"""What is done with a machine that is there: let jobs go to it or not, log in to it, remove it."""

import asyncio
import subprocess

import typer

from events import machines as e
from events.machines import FLEET
from events.values import Command, Context
from interfaces.cli.errors import Complaint
from interfaces.cli.machines.naming import Named, machine_named
from interfaces.cli.options import AsJson
from interfaces.cli.output import answer, say
from interfaces.cli.session import Desk, desk, kept, run
from interfaces.machines.connections.access import access_of
from interfaces.machines.connections.openssh import OpensshAccess, command, login_command
from projections.machines import Machine

LOOK = 1.0
"""Seconds between two looks at what a running system is still about."""


def remove(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Take a machine out of the fleet; its history stays. Refused while jobs of ours are there.

    Example: vestec machines remove archer

    Next: vestec machines list
    """

    async def work() -> None:
        async with desk(ctx) as at:
            known = await carry_out(at, [e.RemoveMachine(name=name)])
        told = f"{name} {'is removed' if known else 'not known yet'}"
        answer(json, {"name": name, "known": known}, told)

    run(work())


def drain(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Let no new job go to a machine, and wait until none of ours is there any more.

    Ctrl-C ends the waiting, not the draining.

    Example: vestec machines drain archer

    Next: vestec machines edit NAME, vestec machines remove NAME
    """

    async def work() -> None:
        async with desk(ctx) as at:
            if not await carry_out(at, [e.DisableMachine(name=name)]):
                raise Complaint(f"{name} is not drained: jobs may go there still.")
            told = 0
            while jobs := len((after := await machine_named(at.storage, name)).simulations):
                if jobs != told and not json:
                    say(f"{jobs} of our jobs are on {name}, or on their way there")
                told = jobs
                await asyncio.sleep(LOOK)
        answer(json, after, f"{name} is drained")

    run(work())


def enable(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Let new jobs go to a machine.

    Example: vestec machines enable local

    Next: vestec machines show NAME
    """
    steer(ctx, name, [e.EnableMachine(name=name)], json)


def disable(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Let no new job go to a machine; those there are followed to their end.

    Example: vestec machines disable local

    Next: vestec machines list
    """
    steer(ctx, name, [e.DisableMachine(name=name)], json)


def login(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Log in to a machine where LOGIN NEEDED is shown, or say that it lets us in again.

    Over openssh, ssh asks here what the centre wants to know (a password, a code), and nothing of
    it is stored: run this as the account, and on the computer, that runs the system. Over ssh, the
    machine is tried once more with the keys that it has.

    A refused login is never tried again by itself: it would bring the account nearer to being
    locked. See first to what refuses it: a key that expired, an account that was closed. Jobs there
    are untouched meanwhile, and followed again afterwards.

    Example: vestec machines login archer

    Next: vestec machines show NAME
    """

    async def work() -> Machine:
        async with kept(ctx) as storage:
            return await machine_named(storage, name)

    settings = run(work()).settings
    if settings.connection == "openssh":
        _log_in(access_of(settings, OpensshAccess))
    steer(ctx, name, [e.AllowLogin(name=name)], json)


def _log_in(access: OpensshAccess) -> None:
    """In this terminal, unless somebody has before."""
    there = subprocess.run(command(access, "-O", "check"), capture_output=True, check=False)
    if there.returncode and subprocess.run(login_command(access), check=False).returncode:
        raise Complaint(f"Nobody is logged in to {access.host}: ssh says why above.")


def steer(ctx: typer.Context, name: str, commands: list[Command], json: bool) -> None:
    """Have commands carried out, and tell whether jobs may go to the machine after them."""

    async def work() -> None:
        async with desk(ctx) as at:
            tell(name, await changed(at, name, commands), json)

    run(work())


def tell(name: str, after: Machine | None, json: bool) -> None:
    """Tell whether jobs may go to a machine, as it is `after` commands."""
    answer(json, after or {"name": name, "known": False}, f"{name} {_words(after)}")


async def changed(at: Desk, name: str, commands: list[Command]) -> Machine | None:
    """The machine after commands; None: their outcome is not known yet."""
    known = await carry_out(at, commands)
    return await machine_named(at.storage, name) if known else None


async def carry_out(at: Desk, commands: list[Command]) -> bool:
    """Whether all were carried out, as readers can see. Raises `Complaint` if one was refused."""
    outcomes = [await at.carry_out(Context.MACHINES, FLEET, one, "machines") for one in commands]
    return all(outcomes)


def _words(after: Machine | None) -> str:
    if after is None:
        return "not known yet"
    return "enabled" if after.enabled else "disabled"
