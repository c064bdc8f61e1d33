"""JSON from files, with a sentence where it is not what is needed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError

_Value = TypeVar("_Value")


def load(path: Path, build: Callable[[Any], _Value]) -> _Value:
    """A value built from the JSON in a file; InputError with a sentence where it is not one."""
    try:
        return build(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{path.name} is missing; run 'firespread forecast' first.") from error
    except KeyError as error:
        raise InputError(f"{path.name}: {error} is missing; README.md shows its form.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name}: {error}; README.md shows its form.") from error


def form_of(given: Any, form: str, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object of a form, with the fields that are needed; ValueError where it is not one."""
    if not isinstance(given, dict) or given.get("format") != form:
        raise ValueError(f'this is not an object with "format": "{form}"')
    if missing := [name for name in needed if name not in given]:
        raise ValueError(f"'{missing[0]}' is missing")
    return given


def plain(words: object) -> str:
    """Words on one line, without what cannot be printed."""
    return "".join(each for each in " ".join(str(words).split()) if each.isprintable())
