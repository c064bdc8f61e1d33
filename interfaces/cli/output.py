"""What commands print: tables in a terminal, tab-separated lines elsewhere, JSON when asked."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_SHORT = 8


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Rows under their columns; with none, in a terminal, what `empty` says."""
    cells = [[_text(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (columns, *cells):
            print("\t".join(line))
        return
    if not cells:
        print(empty)
        return
    shown = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in cells:
        shown.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console().print(shown)


def fields(named: Mapping[str, object]) -> None:
    """One value a line; what is empty is left out."""
    width = max(len(name) for name in named)
    for name, value in named.items():
        if (text := _text(value)) != "":
            print(f"{name:<{width}}  {text}")


def as_json(value: object) -> None:
    """A model, a list of models or plain values as one JSON document."""
    print(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False))


def json_line(value: object) -> None:
    """The same on one line."""
    print(json.dumps(to_jsonable_python(value), ensure_ascii=False), flush=True)


def say(sentence: str) -> None:
    """A line for people."""
    print(_clean(sentence), flush=True)


def answer(json: bool, value: object, sentence: str) -> None:
    """What came of a command: for programs if they asked, else for people."""
    if json:
        as_json(value)
    else:
        say(sentence)


def notice(sentence: str) -> None:
    """A line for people beside the answer, on stderr."""
    print(_clean(sentence), file=sys.stderr)


def short(id: object) -> str:
    """As much of an id as a person wants to see; all of it where no terminal is."""
    return str(id)[:_SHORT] if sys.stdout.isatty() else str(id)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case Enum():
            return str(value.value)
        case float():
            return f"{value:.1f}"
        case Mapping() | BaseModel():
            return _clean(compact(value))
        case list() | tuple():
            return ", ".join(_text(each) for each in value)
    return _clean(str(value))


def compact(value: object) -> str:
    """A mapping or model as `name=value name=value`, what is empty left out."""
    found: Any = to_jsonable_python(value)
    pairs = (
        f"{name}={each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)}"
        for name, each in found.items()
        if each not in (None, "", [], {})
    )
    return " ".join(pairs)


def _clean(text: str) -> str:
    """Without what would move a terminal's cursor or break a line; names come from anywhere."""
    return "".join(char if char.isprintable() else " " for char in text)
