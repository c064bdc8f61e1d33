"""`vestec up`: the whole system in this folder, until Ctrl-C."""

import asyncio
import os
from typing import Annotated

import typer

from deploy.embedded import FolderInUse
from deploy.garbage import spare_what_is_here
from deploy.settings import Settings
from deploy.system import running_system
from interfaces.cli.ending import serve
from interfaces.cli.logs import logs_of
from interfaces.cli.options import AsJson, Host, LogFile, settings_of
from interfaces.cli.output import json_line, say
from interfaces.cli.overseer import overseen

app = typer.Typer(add_completion=False)

_STARTING_WITHIN = 600.0
"""Seconds that another system in the folder may take to start: a crash recovery is slow."""
_LOOK_EVERY = 0.1


@app.command()
def up(
    ctx: typer.Context,
    host: Host = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port, 8450 if unset; 0: any free one (environment: VESTEC_PORT)."),
    ] = None,
    log_file: LogFile = None,
    json: AsJson = False,
) -> None:
    """Run the system in this folder until Ctrl-C; in a new folder it makes all that it needs.

    A second one in the same folder prints where the first one is reached, and ends.

    Example: vestec up --data fires --port 8450

    Next: vestec users add NAME --administrator, vestec machines add --help
    """
    settings = settings_of(ctx, host=host, port=port)
    logs_of(settings.log_level, log_file)
    overseen(lambda: serve(_serve(settings, json)))


async def _serve(settings: Settings, json: bool) -> None:
    """Raises `FolderInUse` if who holds the folder does not come up, and what breaks the system."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + _STARTING_WITHIN
    while True:
        try:
            async with running_system(settings) as system:
                spare_what_is_here()
                _announce(system.url, os.getpid(), settings, json, "Ctrl-C ends it.")
                await asyncio.Event().wait()
        except FolderInUse as used:
            if (first := used.address) and first.url and _lives(first.pid):
                return _announce(first.url, first.pid, settings, json, "It ran there already.")
            if clock() > deadline:
                raise
        await asyncio.sleep(_LOOK_EVERY)


def _lives(pid: int) -> bool:
    """Whether there is such a process: an address may be what a killed system left behind."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _announce(url: str, pid: int, settings: Settings, json: bool, then: str) -> None:
    if json:
        json_line({"url": url, "pid": pid, "data": str(settings.data.absolute())})
    else:
        say(f"VESTEC serves at {url} (data in {settings.data}). {then}")
