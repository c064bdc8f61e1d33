"""The entry point: which commands there are, and what becomes of errors.

A command's module, and with it most of the system, is imported only when the command is used.
"""

import io
import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from interfaces.cli.options import share

COMMANDS = {
    "up": "Run the system in this folder until Ctrl-C.",
    "run": "Run some parts of a system, beside others elsewhere.",
    "demo": "See the system at work on a real fire.",
    "incidents": "Disasters: create, steer and watch them.",
    "simulations": "Jobs on machines: look at them, cancel them.",
    "machines": "Computers that simulations run on.",
    "users": "Who may use the web gateway.",
    "data": "Data sets that incidents made.",
    "projections": "Read models: how far behind they are; rebuild them.",
    "log": "The log of everything that happened: show and verify it.",
    "replay": "Live through an incident again, at any speed.",
    "schema": "What outsiders are told, described for their programs.",
    "settings": "Show all settings: values, defaults, variables.",
    "new": "Start a workflow of your own.",
}
"""The modules of this package, and what their commands are for."""


class _Vestec(TyperGroup):
    """Lists commands without importing them; turns errors into one line and an exit code."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        share(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _listed, rest = super().resolve_command(ctx, args)
        module = import_module(f"interfaces.cli.{name}")
        return name, share(typer.main.get_command(module.app)), rest

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        try:
            _require_text(sys.argv[1:])
            sys.exit(super().main(*args, **{**extra, "standalone_mode": False}))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except (Exception, KeyboardInterrupt) as error:
            from interfaces.cli.errors import complain

            sys.exit(complain(error))


def _require_text(arguments: list[str]) -> None:
    """Raises `BadParameter`: bytes that are no UTF-8 could be neither sent nor shown."""
    for argument in arguments:
        if not argument.isprintable() and any("\ud800" <= char <= "\udfff" for char in argument):
            shown = argument.encode("ascii", "backslashreplace").decode()
            raise typer.BadParameter(f"{shown} is not UTF-8 text")


app = typer.Typer(
    cls=_Vestec,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="VESTEC: urgent computing, from arriving data to forecasts on supercomputers.\n\n"
    "See it at work: vestec demo wildfire\n\n"
    "Begin with: vestec up\n\n"
    "Then, elsewhere: vestec users add NAME --administrator, vestec machines add --help, and vestec"
    " incidents --help",
)


@app.callback()
def _vestec() -> None: ...


def _list(name: str, sentence: str) -> None:
    app.command(name, help=sentence)(lambda: None)


for _name, _sentence in COMMANDS.items():
    _list(_name, _sentence)


def main() -> None:
    """Run the command that the command line asks for, and end the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what the terminal has no letters for is shown
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="vestec")
