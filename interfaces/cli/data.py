"""`vestec data`: what incidents made, listed and fetched."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated
from uuid import UUID

import typer

from deploy.storage import Storage
from interfaces.cli.errors import Complaint
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, notice, short, table
from interfaces.cli.session import kept, run, the_one
from managers.files import written
from projections.data_sets import TABLE as DATA_SETS
from projections.data_sets import DataSet, find_data_set, list_data_sets
from projections.incidents import TABLE as INCIDENTS

_LONGEST = 255
"""Bytes of a file's name."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Data sets that incidents made.\n\nBegin with: vestec data list INCIDENT",
)


@app.command("list")
def list_(
    ctx: typer.Context,
    incident: Annotated[str, typer.Argument(help="Id of the incident, or how it begins.")],
    json: AsJson = False,
) -> None:
    """List an incident's data sets: valid ones before superseded ones, newest first.

    Example: vestec data list 3f2a

    Next: vestec data get ID
    """

    async def work() -> list[DataSet]:
        async with kept(ctx) as storage:
            id = await the_one(storage, INCIDENTS, "incident", incident)
            return await list_data_sets(storage.pool, id)

    found = run(work())
    if json:
        return as_json(found)
    rows = [
        (short(d.id), d.name, d.type, d.size, d.registered, d.superseded is not None, d.comment)
        for d in found
    ]
    return table(
        ("id", "name", "type", "bytes", "registered", "superseded", "comment"),
        rows,
        "There are none yet: the incident's workflow makes them.",
    )


@app.command()
def get(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the data set, or its beginning.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Its name if unset; - for stdout."),
    ] = None,
) -> None:
    """Fetch a data set; its digest is checked before the file gets its name.

    Example: vestec data get 32c9 -o map.png

    Next: open the file
    """

    async def work() -> None:
        async with kept(ctx) as storage:
            found = await _data_set(storage, id)
            file = output or file_of(found.name)
            with _destination(file) as stream:
                await _copy(storage, found, stream)
        notice(f"{found.size} bytes in {file}" if str(file) != "-" else f"{found.size} bytes")

    run(work())


async def _data_set(storage: Storage, prefix: str) -> DataSet:
    id = await the_one(storage, DATA_SETS, "data set", prefix)
    if (found := await find_data_set(storage.pool, UUID(id))) is None:
        raise Complaint(f"There is no data set {id} (yet). See: vestec data list INCIDENT")
    return found


def file_of(name: str) -> Path:
    """A file here, called as the data set is."""
    last = name.rpartition("/")[2]
    if last in ("", ".", "..", "-") or not last.isprintable() or len(last.encode()) > _LONGEST:
        raise Complaint(f"The data set is called {name!r}: choose a file by -o FILE.")
    return Path(last)


async def _copy(storage: Storage, found: DataSet, stream: IO[bytes]) -> None:
    digest = hashlib.sha256()
    async for chunk in storage.blobs.stream(found.blob):
        digest.update(chunk)
        stream.write(chunk)
    if digest.hexdigest() != found.sha256:
        raise Complaint(f"The blob store holds other bytes than were registered: {found.sha256}.")


@contextmanager
def _destination(file: Path) -> Iterator[IO[bytes]]:
    """The stream to write to: beside the file, which is then put in its place whole."""
    if str(file) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with written(file) as stream:
        yield stream
