"""The command itself."""

from typing import Annotated

import typer

from interfaces.cli.demo.playing import demonstrate
from interfaces.cli.ending import serve
from interfaces.cli.logs import configure_logs
from interfaces.cli.options import AsJson, settings_of

app = typer.Typer(add_completion=False, no_args_is_help=True, help="See the system at work.")


@app.callback()
def _demo() -> None: ...


@app.command()
def wildfire(
    ctx: typer.Context,
    exit: Annotated[
        bool, typer.Option("--exit", help="End when all is shown, instead of serving on.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Port of the gateway; 0: any free one.")] = None,
    json: AsJson = False,
) -> None:
    """Play the Tubbs fire of October 2017: a report, eleven satellite passes, three forecasts.

    Interrupted, the same command in the same folder goes on with the same incident. What it makes
    lies in DIR/demo.

    Example: vestec demo wildfire --exit --json

    Next: vestec log show incidents, vestec replay INCIDENT --speed max
    """
    settings = settings_of(ctx, port=0 if exit and port is None else port)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.data / "demo.log").open("a", encoding="utf-8", buffering=1) as log:
        configure_logs(settings.log_level, log)
        unfinished = "interrupted; the same command goes on with the same incident"
        serve(demonstrate(settings, stay=not exit, as_json=json), unfinished)
