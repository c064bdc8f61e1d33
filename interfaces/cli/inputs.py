"""What people type: parameters as `name=value`, or a file of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer
from pydantic import JsonValue

from interfaces.cli.errors import Complaint


def pairs(given: Sequence[str]) -> dict[str, str]:
    """`name=value` each. Raises `typer.BadParameter`."""
    split = [pair.partition("=") for pair in given]
    for name, equals, _ in split:
        if not (name and equals):
            raise typer.BadParameter(f"{name!r} is not of the form NAME=VALUE")
    return {name: value for name, _, value in split}


def parameters_of(file: Path | None, given: Sequence[str]) -> dict[str, JsonValue]:
    """A workflow's parameters: those of a JSON file, and over them those given one by one.

    A value that is JSON is taken as such (`--parameter wind=3`), any other as text.
    """
    found = {} if file is None else _object(file)
    return {**found, **{name: _value(text) for name, text in pairs(given).items()}}


def _object(file: Path) -> dict[str, JsonValue]:
    try:
        found = _json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Complaint(f"{file} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise Complaint(f"{file} must hold a JSON object of names and values.")
    return found


def _value(text: str) -> JsonValue:
    try:
        return _json(text)
    except ValueError:
        return text


def _json(text: str) -> JsonValue:
    """Raises `ValueError`; also for the words that only Python takes: NaN, Infinity."""

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"{word} is no number there")

    found: JsonValue = json.loads(text, parse_constant=refuse)
    return found
