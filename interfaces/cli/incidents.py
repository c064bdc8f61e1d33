"""`vestec incidents`: disasters, from their creation to the archive."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from pydantic import BaseModel

from deploy.storage import Storage
from events import incidents as e
from events.incidents import IncidentStatus
from events.values import Command, Context, IncidentId, Urgency
from interfaces.cli.errors import Complaint
from interfaces.cli.inputs import arrival_of, parameters_of
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, fields, notice, say, short, table
from interfaces.cli.session import desk, kept, run, the_one
from projections.data_sets import list_data_sets
from projections.endpoints import list_endpoints
from projections.graph import dot, draw
from projections.incidents import TABLE as INCIDENTS
from projections.incidents import Incident, find_incident, list_incidents
from projections.journal import read_journal
from projections.people import find_person
from projections.questions import TABLE as QUESTIONS
from projections.questions import Question, open_questions
from projections.simulations import list_simulations
from projections.stages import TABLE as RUNS
from projections.stages import list_stage_runs

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Disasters: create, steer and watch them.\n\n"
    "The life of one: create, activate, push data to it, show it and read its log, retry what"
    " failed, cancel it if its workflow does not complete it, archive.\n\n"
    "An id may be shortened to as much of it as is unique.\n\n"
    "Begin with: vestec incidents create wildfire 'Tubbs fire' --exercise",
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the incident, or how it begins.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    status: Annotated[
        list[IncidentStatus] | None, typer.Option(help="Only these; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: AsJson = False,
) -> None:
    """List incidents, newest first.

    Example: vestec incidents list --status ACTIVE --status ERROR

    Next: vestec incidents show ID
    """

    async def work() -> list[Incident]:
        async with kept(ctx) as storage:
            return await list_incidents(storage.pool, statuses=status or (), limit=limit)

    found = run(work())
    if json:
        return as_json(found)
    rows = [
        (short(i.id), i.kind, i.name, i.status, i.exercise, i.urgency, i.created, i.ended, i.reason)
        for i in found
    ]
    table(
        ("id", "kind", "name", "status", "exercise", "urgency", "created", "ended", "reason"),
        rows,
        "There are none yet. Next: vestec incidents create --help",
    )
    return None


@app.command()
def create(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="Kind of disaster: an installed workflow.")],
    name: Annotated[str, typer.Argument(help="What people call it.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One of the workflow's parameters; repeatable."),
    ] = None,
    parameters: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="All of them, as a JSON object.")
    ] = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="A drill, and marked as one.")] = (
        False
    ),
    urgency: Annotated[
        Urgency, typer.Option(help="How much it presses: what machines give it first.")
    ] = Urgency.ROUTINE,
    owner: Annotated[
        str | None, typer.Option(metavar="USER", help="Who sees it in the web gateway.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Create an incident; nothing happens in it before it is activated.

    A kind that is not installed is refused with those that are, and a parameter's value that the
    workflow does not take with the reason. A value that is JSON is taken as such (wind=3.5), any
    other as text.

    Example: vestec incidents create wildfire 'Tubbs fire' --parameter timezone=Europe/Athens

    Example: vestec incidents create wildfire 'Tubbs fire' --parameters fire.json --exercise

    Next: vestec incidents activate ID
    """

    async def work() -> None:
        id = uuid4()
        async with desk(ctx, make=True) as at:
            command = e.CreateIncident(
                incident=IncidentId(str(id)),
                kind=kind,
                name=name,
                parameters=parameters_of(parameters, parameter or ()),
                exercise=exercise,
                urgency=urgency,
                owner=await _user(at.storage, owner),
            )
            known = await at.carry_out(Context.INCIDENTS, str(id), command, "incidents", id=id)
            await _tell(at.storage, str(id), known, json)
        if not json:
            notice(f"Next: vestec incidents activate {id}")

    run(work())


async def _user(storage: Storage, name: str | None) -> str:
    if name is None:
        return ""
    if (person := await find_person(storage.pool, name)) is None:
        raise Complaint(f"There is no user {name}. See: vestec users list")
    return str(person.id)


@app.command()
def show(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Show one incident: where data arrives, what its stages do, its simulations and results.

    Example: vestec incidents show 3f2a

    Next: vestec incidents log ID for its log, vestec data get ID for a result
    """

    async def work() -> Mapping[str, Any]:
        async with kept(ctx) as storage:
            pool, incident = storage.pool, await _incident(storage, id)
            return {
                "incident": incident,
                "endpoints": await list_endpoints(pool, incident.id),
                "stages": await list_stage_runs(pool, incident.id),
                "simulations": await list_simulations(pool, incident.id),
                "data_sets": await list_data_sets(pool, incident.id),
            }

    found = run(work())
    if json:
        return as_json(found)
    fields(found["incident"].model_dump())
    _section("endpoints", found["endpoints"], "name", "stage", "path", "url", "arrivals", "failing")
    _section("stages", found["stages"], "run", "stage", "status", "seconds", "attempt", "error")
    _section("simulations", found["simulations"], "id", "kind", "state", "machine", "reason")
    _section("data_sets", found["data_sets"], "id", "name", "type", "size", "superseded")
    return None


def _section(title: str, rows: list[BaseModel], *columns: str) -> None:
    if rows:
        say("")
        say(title.replace("_", " "))
        table(columns, [_cells(row, columns) for row in rows], "")


def _cells(row: BaseModel, columns: tuple[str, ...]) -> list[object]:
    values = (getattr(row, column) for column in columns)
    return [short(value) if isinstance(value, UUID) else value for value in values]


@app.command()
def activate(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Start an incident's workflow: its endpoints open, its stages run.

    Example: vestec incidents activate 3f2a

    Next: vestec incidents push ID ENDPOINT FILE
    """
    _steer(ctx, id, e.ActivateIncident(), json)


@app.command()
def cancel(
    ctx: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="For the log.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Stop its clean-up as well.")] = False,
    json: AsJson = False,
) -> None:
    """End an incident: its stages stop, its jobs are cancelled, its endpoints close.

    If its workflow has a last stage that cleans up, that runs first. Where that does not end,
    --force stops it and ends the incident at once, with both reasons in its log.

    Example: vestec incidents cancel 3f2a --reason 'the fire is out'

    Next: vestec incidents log ID, vestec incidents archive ID
    """
    found = _steer(ctx, id, e.CancelIncident(reason=reason, force=force), json)
    if found and found.ended is None and not json:
        notice(f"Its last stage cleans up. To end it without: vestec incidents cancel {id} --force")


@app.command()
def urgency(
    ctx: typer.Context,
    id: Id,
    level: Annotated[Urgency, typer.Argument(help="How much it presses from now on.")],
    reason: Annotated[str, typer.Option(help="For the log.")] = "",
    json: AsJson = False,
) -> None:
    """Say how much an incident presses: machines give its next simulations what that buys there.

    What was submitted before stays as it is.

    Example: vestec incidents urgency 3f2a critical --reason 'the fire has reached the town'

    Next: vestec incidents show ID
    """
    _steer(ctx, id, e.SetUrgency(urgency=level, reason=reason), json)


@app.command()
def archive(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Put an incident that is over away; its log and its results stay.

    Example: vestec incidents archive 3f2a

    Next: vestec replay ID
    """
    _steer(ctx, id, e.ArchiveIncident(), json)


@app.command()
def retry(
    ctx: typer.Context,
    id: Id,
    failed: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Only this failed run, or its beginning.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Run failed stages again; what they did successfully is kept.

    Example: vestec incidents retry 3f2a

    Next: vestec incidents show ID
    """

    async def work() -> None:
        async with desk(ctx) as at:
            incident = await the_one(at.storage, INCIDENTS, "incident", id)
            chosen = failed and await the_one(at.storage, RUNS, "run", failed)
            command = e.RetryStage(run=UUID(chosen) if chosen else None)
            known = await at.carry_out(Context.INCIDENTS, incident, command, "incidents")
            await _tell(at.storage, incident, known, json)

    run(work())


@app.command()
def questions(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Show what an incident's stages ask and nobody has answered yet.

    Example: vestec incidents questions 3f2a

    Next: vestec incidents answer QUESTION CHOICE
    """

    async def work() -> list[Question]:
        async with kept(ctx) as storage:
            incident = await the_one(storage, INCIDENTS, "incident", id)
            return await open_questions(storage.pool, incident)

    found = run(work())
    if json:
        return as_json(found)
    rows = [(short(q.id), q.text, q.choices, q.otherwise, q.due) for q in found]
    columns = ("question", "what", "choices", "unanswered", "when")
    table(columns, rows, "No stage asks anything.")
    return None


@app.command()
def answer(
    ctx: typer.Context,
    question: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    choice: Annotated[str, typer.Argument(help="One of its choices.")],
    json: AsJson = False,
) -> None:
    """Answer a question that a stage asks.

    Example: vestec incidents answer 9c1d evacuate

    Next: vestec incidents log ID
    """

    async def work() -> None:
        async with desk(ctx) as at:
            asked = await the_one(at.storage, QUESTIONS, "question", question)
            found = await QUESTIONS.find(at.storage.pool, [UUID(asked)])
            if not found:
                raise Complaint(f"There is no question {asked}.")
            incident, command = (
                found[0].incident,
                e.AnswerQuestion(question=UUID(asked), choice=choice),
            )
            known = await at.carry_out(Context.INCIDENTS, incident, command, "incidents")
            await _tell(at.storage, incident, known, json)

    run(work())


def _steer(ctx: typer.Context, id: str, command: Command, json: bool) -> Incident | None:
    async def work() -> Incident | None:
        async with desk(ctx) as at:
            incident = await the_one(at.storage, INCIDENTS, "incident", id)
            known = await at.carry_out(Context.INCIDENTS, incident, command, "incidents")
            return await _tell(at.storage, incident, known, json)

    return run(work())


async def _tell(storage: Storage, id: str, known: bool, json: bool) -> Incident | None:
    """The incident after a command; its id where nothing is known of it yet."""
    found = await find_incident(storage.pool, id) if known else None
    if json:
        as_json(found or {"id": id, "known": False})
    else:
        say(f"{id} {found.status if found else 'not known yet'}")
    return found


@app.command()
def log(
    ctx: typer.Context,
    id: Id,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    json: AsJson = False,
) -> None:
    """Show what an operator should read about an incident, oldest first, with what to do.

    Example: vestec incidents log 3f2a

    Next: vestec replay ID shows everything that happened
    """

    async def work() -> list[Any]:
        async with kept(ctx) as storage:
            incident = await the_one(storage, INCIDENTS, "incident", id)
            return (await read_journal(storage.pool, incident, limit))[::-1]

    found = run(work())
    if json:
        return as_json(found)
    rows = [(entry.time, entry.level, entry.text, entry.next) for entry in found]
    table(("time", "level", "what", "next"), rows, "Nothing that an operator should read.")
    return None


@app.command()
def push(
    ctx: typer.Context,
    id: Id,
    endpoint: Annotated[str, typer.Argument(help="Name of one of its open endpoints.")],
    file: Annotated[str, typer.Argument(help="What arrives; - for standard input.")],
    media_type: Annotated[str | None, typer.Option(help="Guessed from the name if unset.")] = None,
    json: AsJson = False,
) -> None:
    """Give data to an incident's workflow, as a sensor or a responder would.

    The stage behind the endpoint runs with it; what it refuses, and why, is in the incident's log.

    Example: vestec incidents push 3f2a hotspots pass-1.csv

    Next: vestec incidents show ID, vestec incidents log ID
    """

    async def work() -> None:
        async with desk(ctx) as at:
            incident = await the_one(at.storage, INCIDENTS, "incident", id)
            command = await arrival_of(at.storage, incident, endpoint, file, media_type)
            arrival = command.arrival
            known = await at.carry_out(
                Context.ENDPOINTS, incident, command, "endpoints", id=arrival.id
            )
        told = {"id": str(arrival.id), "known": known, "size": arrival.content.size}
        if json:
            as_json(told)
        else:
            say(f"{arrival.id} {'arrived' if known else 'sent'}, {arrival.content.size} bytes")

    run(work())


@app.command()
def graph(
    ctx: typer.Context,
    id: Id,
    as_dot: Annotated[bool, typer.Option("--dot", help="In Graphviz' language.")] = False,
    json: AsJson = False,
) -> None:
    """Show which stages ran, for how long, and who sent them messages.

    Example: vestec incidents graph 3f2a --dot | dot -Tsvg -o graph.svg

    Next: vestec incidents log ID
    """

    async def work() -> list[Any]:
        async with kept(ctx) as storage:
            return await list_stage_runs(storage.pool, (await _incident(storage, id)).id)

    drawn = draw(run(work()), datetime.now(UTC))
    if as_dot:
        return print(dot(drawn), end="")
    if json:
        return as_json(drawn)
    names = ("name", "status", "runs", "seconds")
    table(names, [_cells(node, names) for node in drawn.nodes], "Nothing ran yet.")
    for edge in drawn.edges:
        say(f"{edge.sender} -> {edge.receiver}  {edge.messages}")
    return None


async def _incident(storage: Storage, prefix: str) -> Incident:
    id = await the_one(storage, INCIDENTS, "incident", prefix)
    if (found := await find_incident(storage.pool, id)) is None:
        raise Complaint(f"There is no incident {id} (yet). See: vestec incidents list")
    return found
