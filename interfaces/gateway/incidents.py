"""Incidents: create, look at, and steer."""

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from structlog.contextvars import bind_contextvars

from events.envelope import events_topic
from events.incidents import (
    ActivateIncident,
    AnswerQuestion,
    ArchiveIncident,
    CancelIncident,
    CreateIncident,
    IncidentStatus,
    RetryStage,
    SetUrgency,
)
from events.values import Command, Context, Identifier, IncidentId, Name, Urgency
from interfaces.gateway.auth import user_of
from interfaces.gateway.exchange import (
    Page,
    PageQuery,
    answer,
    as_of,
    body_of,
    id_of,
    idempotency_key,
    query_of,
)
from interfaces.gateway.problems import Problem
from interfaces.gateway.surroundings import WebEdge, edge_of
from interfaces.gateway.writes import not_known_yet, write, write_and
from interfaces.issuing import Write
from managers.runtime import about
from projections.database import storable
from projections.graph import dot, draw
from projections.incidents import Incident, find_incident, list_incidents
from projections.journal import Entry, read_journal
from projections.questions import Question, open_questions
from projections.seen import Seen
from projections.stages import list_stage_runs
from projections.timeline import TimelineEvent, read_timeline


class NewIncident(BaseModel):
    """What a user gives to create an incident."""

    model_config = ConfigDict(allow_inf_nan=False)

    id: UUID | None = None
    """Chosen by the client, so that it can send the same again; made here if absent."""
    kind: Identifier
    name: Name
    parameters: dict[str, JsonValue] = {}
    exercise: bool = False
    urgency: Urgency = Urgency.ROUTINE


class UrgencyChange(BaseModel):
    """How much an incident presses from now on, and why."""

    urgency: Urgency
    reason: str = Field(default="", max_length=1000)


class Cancellation(BaseModel):
    """Why an incident is cancelled.

    A last stage that cleans up runs before the incident is over.
    """

    reason: str = Field(default="", max_length=1000)
    force: bool = False
    """While that stage cleans up: stop it, and end the incident at once."""


class Retry(BaseModel):
    """Which failed run to try again: all if absent."""

    run: UUID | None = None


class Answer(BaseModel):
    """A person's choice in a question that a stage asks."""

    question: UUID
    choice: str = Field(max_length=1000)


class IncidentQuery(PageQuery):
    """Which incidents."""

    status: list[IncidentStatus] = []


class GraphQuery(BaseModel):
    """In which form the graph is wanted."""

    format: Literal["json", "dot"] = "json"


async def visible(request: web.Request, id: str) -> Incident:
    """The incident, if the user may see it. Raises `Problem`."""
    bind_contextvars(**about(id))
    user, found = user_of(request), await find_incident(edge_of(request).pool, id)
    if found is None or not (user.administrator or found.owner == str(user.id)):
        raise Problem(404, "There is no such incident.")
    return found


async def create(request: web.Request) -> web.StreamResponse:
    """Create an incident; the same id again gives the same incident."""
    wanted, user = await body_of(request, NewIncident), user_of(request)
    id = wanted.id or idempotency_key(request)
    command = CreateIncident(
        incident=IncidentId(str(id)),
        kind=wanted.kind,
        name=wanted.name,
        parameters=wanted.parameters,
        exercise=wanted.exercise,
        urgency=wanted.urgency,
        owner=str(user.id),
    )
    creation = Write(id, Context.INCIDENTS, str(id), command, ("incidents",))
    if await write(request, creation, refused=422) is None:
        return not_known_yet(creation)
    headers = await as_of(request, "incidents", str(id))
    headers["Location"] = f"/api/v1/incidents/{id}"
    found = await find_incident(edge_of(request).pool, str(id))
    if found is None or not _same(found, command):
        raise Problem(409, "This id is that of another incident; choose a new one.")
    return answer(found, headers, 201)


def _same(found: Incident, wanted: CreateIncident) -> bool:
    there = (found.kind, found.name, found.exercise, found.owner)
    return there == (wanted.kind, storable(wanted.name), wanted.exercise, wanted.owner)


async def list_all(request: web.Request) -> web.StreamResponse:
    """The user's incidents, or all for administrators; newest first."""
    wanted, user = query_of(request, IncidentQuery), user_of(request)
    headers = await as_of(request, "incidents")
    found = await list_incidents(
        edge_of(request).pool,
        owner=None if user.administrator else str(user.id),
        statuses=wanted.status,
        after=wanted.after,
        limit=wanted.limit,
    )
    more = found[-1].id if len(found) == wanted.limit else None
    return answer(Page[Incident](items=found, next=more), headers)


async def one(request: web.Request) -> web.StreamResponse:
    """One incident."""
    id = str(id_of(request))
    headers = await as_of(request, "incidents", id)
    return answer(await visible(request, id), headers)


async def activate(request: web.Request) -> web.StreamResponse:
    """Start the incident's workflow."""
    return await _steer(request, ActivateIncident())


async def cancel(request: web.Request) -> web.StreamResponse:
    """Stop the incident, its stages and its jobs; by force its clean-up as well."""
    wanted = await body_of(request, Cancellation)
    return await _steer(request, CancelIncident(reason=wanted.reason, force=wanted.force))


async def set_urgency(request: web.Request) -> web.StreamResponse:
    """Say how much the incident presses: of the simulations that are created from now on."""
    wanted = await body_of(request, UrgencyChange)
    return await _steer(request, SetUrgency(urgency=wanted.urgency, reason=wanted.reason))


async def retry(request: web.Request) -> web.StreamResponse:
    """Run failed stages again."""
    return await _steer(request, RetryStage(run=(await body_of(request, Retry)).run))


async def questions(request: web.Request) -> web.StreamResponse:
    """What the incident's stages ask and nobody has answered yet, the oldest first."""
    id = str(id_of(request))
    headers, incident = await as_of(request, "incidents", id), await visible(request, id)
    found = await open_questions(edge_of(request).pool, incident.id)
    return answer(Page[Question](items=found), headers)


async def choose(request: web.Request) -> web.StreamResponse:
    """Answer a question that a stage asks."""
    wanted = await body_of(request, Answer)
    return await _steer(request, AnswerQuestion(question=wanted.question, choice=wanted.choice))


async def archive(request: web.Request) -> web.StreamResponse:
    """Put an incident that is over away."""
    return await _steer(request, ArchiveIncident())


async def _steer(request: web.Request, command: Command) -> web.StreamResponse:
    incident = await visible(request, str(id_of(request)))
    wanted = Write(
        idempotency_key(request), Context.INCIDENTS, incident.id, command, ("incidents",)
    )
    return await write_and(request, wanted, one)


async def graph(request: web.Request) -> web.StreamResponse:
    """The stages that ran, and who sent to whom; also in Graphviz' language."""
    wanted, edge, id = query_of(request, GraphQuery), edge_of(request), str(id_of(request))
    headers, incident = await as_of(request, "incidents", id), await visible(request, id)
    now = datetime.fromtimestamp(edge.wall(), UTC)
    drawn = draw(await list_stage_runs(edge.pool, incident.id), now)
    if wanted.format == "json":
        return answer(drawn, headers)
    return web.Response(text=dot(drawn), content_type="text/vnd.graphviz", headers=headers)


async def timeline(request: web.Request) -> web.StreamResponse:
    """The incident's events of all contexts, in the order in which they became known here."""
    wanted, id = query_of(request, PageQuery), str(id_of(request))
    headers, incident = await as_of(request, "timeline", id), await visible(request, id)
    seen = await seen_by(edge_of(request), wanted.after)
    found = await read_timeline(edge_of(request).pool, seen, [incident.id], wanted.limit)
    for _, event in found:
        seen.take((event.context, event.partition), (event.offset, event.index))
    more = str(seen) if len(found) == wanted.limit else None
    page = Page[TimelineEvent](items=[event for _, event in found], next=more)
    return answer(page, headers)


async def seen_by(edge: WebEdge, text: str | None) -> Seen:
    """What a client has seen that goes on behind an event or page. Raises `Problem`."""
    try:
        seen = Seen.parse(text or "")
    except ValueError:
        raise Problem(400, "There is no such place in the timeline; begin anew.") from None
    for (context, partition), (offset, _) in seen.places.items():
        topic = events_topic(context)
        if partition >= await edge.log.partitions(topic):
            raise Problem(400, "There is no such partition of the timeline; begin anew.")
        if offset >= (await edge.log.bounds(topic, partition))[1]:
            raise Problem(400, "Nothing that new is in the timeline; begin anew.")
    return seen


async def log(request: web.Request) -> web.StreamResponse:
    """What an operator should read about the incident, newest first."""
    id = str(id_of(request))
    headers, incident = await as_of(request, "journal", id), await visible(request, id)
    found = await read_journal(edge_of(request).pool, incident.id)
    return answer(Page[Entry](items=found), headers)
