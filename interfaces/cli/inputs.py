"""What people type or hand over: parameters as `name=value`, files that arrive."""

import json
import mimetypes
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn
from uuid import uuid4

import typer
from pydantic import JsonValue

from deploy.storage import Storage
from events.endpoints import ReceivePush
from events.incidents import Arrival
from events.values import Content
from interfaces.cli.errors import Complaint
from managers.blobs import keep_content
from projections.endpoints import list_endpoints

_CHUNK = 1 << 20


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


async def arrival_of(
    storage: Storage, incident: str, endpoint: str, file: str, media_type: str | None
) -> ReceivePush:
    """The command that lets a file (or `-`) arrive. Raises `Complaint`, `OSError`."""
    is_open = [found.name for found in await list_endpoints(storage.pool, incident)]
    if endpoint not in is_open:
        there = f"open are: {', '.join(is_open)}" if is_open else "none is open (is it active?)"
        raise Complaint(f"The incident has no endpoint {endpoint}; {there}.")
    guessed = media_type or mimetypes.guess_type(file)[0] or "application/octet-stream"
    arrival = Arrival(
        id=uuid4(),
        endpoint=endpoint,
        received=time.time(),
        content=await _content(storage, file, guessed),
        source="command line",
    )
    return ReceivePush(arrival=arrival)


async def _content(storage: Storage, file: str, media_type: str) -> Content:
    with _opened(file) as stream:
        chunks = _chunks(stream, storage.settings.push_limit)
        content = await keep_content(storage.blobs, chunks, media_type)
    if not content.size:
        raise Complaint(f"{file} is empty: there is nothing to push.")
    return content


def _opened(file: str) -> BinaryIO:
    return sys.stdin.buffer if file == "-" else Path(file).open("rb")


async def _chunks(stream: BinaryIO, limit: int) -> AsyncIterator[bytes]:
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise Complaint(f"At most {limit} bytes are taken; see VESTEC_PUSH_LIMIT.")
        yield chunk
