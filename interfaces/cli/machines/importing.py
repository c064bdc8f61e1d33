"""Machines that other programs know already."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from events.entry import entered
from events.machines import AddMachine, MachineSettings
from events.prose import describe
from interfaces.cli.errors import Complaint
from interfaces.cli.machines.steering import carry_out
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, compact, say, table
from interfaces.cli.session import desk, run
from interfaces.machines.connection import MachineError
from interfaces.machines.importing import Found, NotReadable, aiida_computers, openssh_hosts
from interfaces.machines.registry import connect

_YAML = (".yaml", ".yml", ".json")


def import_(
    ctx: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="An OpenSSH client configuration; or (.yaml) AiiDA's setup of a computer, and"
            " after it the configuration of the way there.",
        ),
    ],
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="These alone; may be repeated.")
    ] = None,
    base_directory: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Of those of which the files do not say where to work."),
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(help="Of those of which the files do not name the batch system.")
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Add them; otherwise they are shown.")] = False,
    json: AsJson = False,
) -> None:
    """Show the machines that files of OpenSSH or AiiDA describe, or add them, disabled.

    What is not carried over is said line by line. Nothing is asked of any machine.

    Example: vestec machines import ~/.ssh/config --only archer

    Example: vestec machines import computer-setup.yaml computer-configure.yaml --add

    Next: vestec machines check NAME, vestec machines enable NAME
    """
    found = [one.completed(base_directory=base_directory, dialect=dialect) for one in _read(files)]
    if unknown := {*(only or ())} - {one.name for one in found}:
        names = ", ".join(one.name for one in found) or "none"
        raise Complaint(f"The files name no {min(unknown)}; there are: {names}.")
    chosen = [one for one in found if not only or one.name in only]
    added = run(_add(ctx, [_settings(one) for one in chosen])) if add else {}
    _show(chosen, json)
    if not json:
        for name, known in added.items():
            say(f"{name} {'is added, disabled' if known else 'is not known yet'}")


def _read(files: list[Path]) -> list[Found]:
    yaml = [file for file in files if file.suffix in _YAML]
    try:
        found = [one for file in files if file not in yaml for one in openssh_hosts(file)]
        return [*found, *aiida_computers(yaml)]
    except NotReadable as error:
        raise Complaint(f"{error}.") from error


def _settings(found: Found) -> MachineSettings:
    """Raises `Complaint` where something is missing or wrong; it is asked before any is added."""
    if found.missing:
        options = " and ".join(f"--{one.replace('_', '-')}" for one in found.missing)
        raise Complaint(f"The files do not say enough of {_called(found)}: say {options}.")
    if why := _wrong(found):
        raise Complaint(f"{_called(found)}: {why}.")
    return found.machine()


def _called(found: Found) -> str:
    return found.name or "(no name)"


def _wrong(found: Found) -> str:
    """Why it is no machine; empty: it is one."""
    if not found.name:
        return "it has no name that a machine can have: change how it is called there"
    try:
        connect(entered(found.machine()))
    except ValidationError as error:
        return describe(error)
    except MachineError as error:
        return str(error).removeprefix(f"machine {found.name}: ")
    return ""


async def _add(ctx: typer.Context, machines: list[MachineSettings]) -> dict[str, bool]:
    """Whether each is known by now; raises `Complaint` at the first that is refused."""
    async with desk(ctx, make=True) as at:
        return {one.name: await carry_out(at, [AddMachine(settings=one)]) for one in machines}


def _show(found: list[Found], json: bool) -> None:
    if json:
        more = ({"missing": one.missing, "refused": _refused(one)} for one in found)
        return as_json([one.model_dump() | its for one, its in zip(found, more, strict=True)])
    rows = [
        (
            one.name,
            f"{one.settings['connection']}/{one.settings.get('dialect', '?')}",
            one.settings.get("base_directory", "?"),
            compact(one.settings.get("access", {})),
        )
        for one in found
    ]
    columns = ("name", "spoken to by", "base directory", "access")
    table(columns, rows, "The files name no machine.")
    for one in found:
        refused = [f"it cannot be added so: {why}"] if (why := _refused(one)) else []
        for sentence in [*one.left, *refused]:
            say(f"{_called(one)}: {sentence}")
    return None


def _refused(found: Found) -> str:
    """Why it cannot be added as it is, whatever may be missing besides; empty: it can."""
    return _wrong(found.completed(base_directory="/", dialect="processes"))
