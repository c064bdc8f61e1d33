"""`vestec run`: some parts of a system in a process of their own, until Ctrl-C."""

import asyncio
import os
from typing import Annotated, NoReturn

import typer

from deploy.garbage import spare_what_is_here
from deploy.parts import Part
from deploy.settings import Settings
from deploy.system import running_parts
from interfaces.cli.ending import serve
from interfaces.cli.logs import logs_of
from interfaces.cli.options import AsJson, Host, LogFile, settings_of
from interfaces.cli.output import json_line, say
from interfaces.cli.overseer import overseen

app = typer.Typer(add_completion=False)


@app.command()
def run(
    ctx: typer.Context,
    parts: Annotated[list[Part], typer.Argument(metavar="PART...", help=", ".join(Part))],
    host: Host = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port; 0: any free one, the default of all parts but the gateway."),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What machines name this process, if they name those that work on them"
            " (environment: VESTEC_AGENT).",
        ),
    ] = None,
    log_file: LogFile = None,
    json: AsJson = False,
) -> None:
    """Run some parts of a system in this process until Ctrl-C; all of them are in `vestec up`.

    Every part may run in as many processes, on as many machines, as you like: they share the
    partitions of the log, and when one ends the others go on with its share. Each process answers
    at /health what it owns and how far behind it is, and at /metrics.

    Example: vestec run workflow-manager data-manager --log kafka://one:9092,two:9092

    Next: vestec run gateway projections, vestec projections status
    """
    settings = settings_of(ctx, host=host, port=port, agent=agent)
    if "port" not in settings.model_fields_set and Part.GATEWAY not in parts:
        settings = settings.model_copy(update={"port": 0})
    logs_of(settings.log_level, log_file)

    def work() -> NoReturn:
        serve(_serve(frozenset(parts), settings, json))

    overseen(work) if Part.WORKFLOW_MANAGER in parts else work()


async def _serve(parts: frozenset[Part], settings: Settings, json: bool) -> None:
    async with running_parts(parts, settings) as system:
        spare_what_is_here()
        names = sorted(parts)
        if json:
            json_line({"url": system.url, "pid": os.getpid(), "parts": names})
        else:
            say(f"{', '.join(names)}: health at {system.url}/health. Ctrl-C ends it.")
        await asyncio.Event().wait()
