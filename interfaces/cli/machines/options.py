"""The options that describe a machine, of those commands that may: what they are, what they say."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from interfaces.cli.errors import Complaint
from interfaces.cli.inputs import pairs, parameters_of

Pairs = list[str] | None
"""Of an option that may be repeated; None: it was not given."""


def _pairs(help: str, form: str = "KEY=VALUE") -> Any:
    return typer.Option(metavar=form, help=help)


Access = Annotated[
    Pairs,
    _pairs(
        "What the connection has to know; JSON where it is; may be repeated. Of ssh: host,"
        " user, key, certificate, agent, known_hosts, host_key, host_ca, jump, config,"
        " transfer_host, …; of openssh: host, user, config, … (docs/machines.md). Files are"
        " named, never what is in them."
    ),
]
Batch = Annotated[
    Pairs,
    _pairs(
        "What the dialect has to know, likewise: queue, account, native, prologue, …"
        " (docs/batch-systems.md)."
    ),
]
Limit = Annotated[
    Pairs,
    _pairs(
        "What the centre lets us do: commands, submissions (in any minute), ask, ask_least"
        " (seconds between two questions to the scheduler); may be repeated."
    ),
]
Account = Annotated[
    Pairs,
    _pairs(
        "What the jobs of a user's incidents, or of one incident, are charged to; empty: as they"
        " and --batch say; may be repeated.",
        "USER|INCIDENT=ACCOUNT",
    ),
]
AccountsOnly = Annotated[
    bool | None,
    typer.Option(
        "--accounts-only/--accounts-or-default",
        help="Whether the jobs of all others are refused, or charged as they and --batch say.",
    ),
]
Agent = Annotated[
    Pairs,
    _pairs(
        "Processes that alone work on it, by what VESTEC_AGENT calls them there; may be repeated;"
        " '': all do.",
        "NAME",
    ),
]
Folders = Annotated[
    Pairs,
    _pairs(
        "How long what jobs leave there lasts, in days; may be repeated: keep (their folders, once"
        " they are over and results are fetched; then we remove them), purge (how old files become"
        " before the centre removes them)."
    ),
]
Templates = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Where those directories lie that jobs may start from: below the base directory, or"
        " absolute; templates if absent.",
    ),
]
Environment = Annotated[Pairs, _pairs("Given to every job; may be repeated.", "NAME=VALUE")]
Policy = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help="What jobs of urgent incidents ask for (docs/machines.md): by urgency, a list of"
        " privileges, each with a name and a queue, account, qos, reservation or native options.",
    ),
]


def agents_of(given: Pairs) -> list[str] | None:
    """What `--agent` says; None: nothing."""
    return None if given is None else [name for name in given if name]


def policy_of(file: Path | None) -> dict[str, Any] | None:
    """What `--policy` says; None: nothing."""
    return None if file is None else parameters_of(file, ())


def fields_of(kind: str, model: type[BaseModel], given: Pairs) -> dict[str, Any]:
    """What an option about a part of the settings says. Raises `Complaint` for what it has not."""
    said, there_are = parameters_of(None, given or ()), model.model_fields
    if unknown := said.keys() - there_are.keys():
        raise Complaint(f"There is no {kind} {min(unknown)}; there are: {', '.join(there_are)}.")
    return said


def texts_of(given: Pairs) -> dict[str, str | None]:
    """What an option says whose values are texts; null takes one away."""
    said = pairs(given or ())
    return {name: None if value == "null" else value for name, value in said.items()}
