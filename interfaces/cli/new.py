"""`vestec new`: the beginning of something of your own."""

import keyword
import re
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from deploy.workflows import GROUP
from interfaces.cli.errors import Complaint
from interfaces.cli.output import say
from interfaces.cli.scaffold import files_of

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Start a workflow of your own.\n\nBegin with: vestec new workflow avalanche",
)


@app.callback()
def _new() -> None: ...


@app.command()
def workflow(
    name: Annotated[str, typer.Argument(help="The kind of incident; small letters, - between.")],
    into: Annotated[Path, typer.Option(metavar="DIR", help="Where its folder is made.")] = Path(),
) -> None:
    """Write a package with a workflow of two stages and a test of it that passes.

    Example: vestec new workflow avalanche --into projects

    Next: cd projects/avalanche, then python -m pip install -e '.[test]', pytest, vestec up
    """
    package = _package(name)
    folder = into / name
    if folder.exists():
        raise Complaint(f"{folder} exists already; choose another name or folder.")
    for path, text in files_of(name, package).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        say(str(file))
    python = quote(sys.executable)
    say(f"Next: cd {quote(str(folder))}")
    say(f"{python} -m pip install -e '.[test]'")
    say(f"{python} -m pytest")


def _package(name: str) -> str:
    """The name that Python imports. Raises `typer.BadParameter`, `Complaint`."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 60:
        raise typer.BadParameter("a name is made of small letters, digits and -", param_hint="NAME")
    if name in entry_points(group=GROUP).names:
        raise Complaint(f"A workflow called {name} is installed already; choose another name.")
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or find_spec(package):
        raise Complaint(f"Python knows something called {package} already; choose another name.")
    return package
