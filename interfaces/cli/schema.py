"""`vestec schema`: what outsiders are told, described for their programs."""

from typing import Annotated

import typer

from interfaces.cli.errors import Complaint
from interfaces.cli.options import settings_of
from interfaces.cli.output import as_json

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="What outsiders are told: schemas of the public events, and of their topic.\n\n"
    "Where the log is on Kafka, what happens to incidents is published there as CloudEvents, for"
    " anyone who may read the topic vestec.public.events.\n\n"
    "Begin with: vestec schema asyncapi",
)


@app.command()
def asyncapi(ctx: typer.Context) -> None:
    """Print the AsyncAPI 3 document of the public stream: its topic, its events, their headers.

    Tools make documentation and clients of it. With --log it names that log's brokers and topic,
    and no password.

    Example: vestec schema asyncapi --log kafka://one:9092 > vestec.asyncapi.json

    Next: vestec schema events, kcat -C -b one:9092 -t vestec.public.events -f '%h %s\\n'
    """
    from interfaces.public.schemas import asyncapi as document

    settings = settings_of(ctx, blobs="memory://")  # what is described needs none
    on_kafka = settings.log is not None and settings.log.startswith("kafka:")
    as_json(
        document(
            days=settings.public_days,
            partitions=settings.partitions,
            source=settings.public_source,
            log=settings.log if on_kafka else None,
        )
    )


@app.command()
def events(
    ctx: typer.Context,
    type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="The header ce_type; all if absent.")
    ] = None,
) -> None:
    """Print the JSON Schema of one public event's value, or of all of them by their types.

    A type ends with its version. A version only ever gets more fields: leave those alone that you
    do not know. What changes otherwise is another version.

    Example: vestec schema events vestec.incident.created.v1

    Next: vestec schema asyncapi
    """
    from interfaces.public.schemas import event_schemas

    schemas = event_schemas()
    if type is None:
        return as_json(schemas)
    if type not in schemas:
        raise Complaint(f"There is no event {type}. There are: {', '.join(schemas)}.")
    return as_json(schemas[type])
