"""What every command takes, before or after its own options: where the data and the log are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from deploy.settings import Settings


def _keep(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> None:
    """An option that was given counts wherever it stands; the last one wins."""
    if value is not None:
        ctx.find_root().ensure_object(dict)[param.name] = value


_PANEL = "Where"

Data = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        expose_value=False,
        callback=_keep,
        rich_help_panel=_PANEL,
        help="Folder of the data, .vestec if unset (environment: VESTEC_DATA).",
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        expose_value=False,
        callback=_keep,
        rich_help_panel=_PANEL,
        help="The log, kafka://… or postgresql://…; the folder's own PostgreSQL if unset"
        " (environment: VESTEC_LOG; then set VESTEC_BLOBS as well).",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(help="Address to listen on, 127.0.0.1 if unset (environment: VESTEC_HOST)."),
]
LogFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write logs there, not to stderr.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def share(command: Any) -> Any:
    """The command, its own commands included, taking the options that every command takes.

    Its help flows to the width of the terminal, not to that of our source.
    """
    command.params.extend(_shared())
    command.help = "\n\n".join(" ".join(p.split()) for p in (command.help or "").split("\n\n"))
    for other in getattr(command, "commands", {}).values():
        share(other)
    return command


def _shared() -> list[Any]:
    carrier = typer.Typer(add_completion=False)

    @carrier.command()
    def _carry(data: Data = None, log: Log = None) -> None: ...

    return list(typer.main.get_command(carrier).params)


def settings_of(ctx: typer.Context, **given: object) -> "Settings":
    """The settings of a command: what was given, else the environment, else the defaults.

    `given` are options of the command itself; None counts as not given. Raises
    `pydantic.ValidationError`.
    """
    from deploy.settings import Settings

    chosen = {**ctx.find_root().ensure_object(dict), **given}
    return Settings(**{name: value for name, value in chosen.items() if value is not None})
