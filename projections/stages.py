"""Runs of stages: what waits, runs, ended how, who caused it, and how long it took.

A run has the id of the message it works on, from the moment that message waits.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from events import incidents as e
from events.envelope import Recorded
from projections.database import Connection, Queries, at, storable, when
from projections.rows import Table


class RunStatus(StrEnum):
    """Where a run is in its life; `STOPPED` is cancelled, superseded or dropped."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


class StageRun(BaseModel):
    """One run of a stage, or a message that waits for its stage."""

    run: UUID
    incident: str
    stage: str
    lane: str | None
    status: RunStatus = RunStatus.WAITING
    queued: datetime
    due: datetime | None = None
    """When it is to start, or to be tried again."""
    started: datetime | None = None
    ended: datetime | None = None
    attempt: int = 0
    seconds: float = 0.0
    """Of running, all attempts together, as far as they are over."""
    error: str | None = None
    """What the stage raised, or why it was stopped."""
    sender: UUID | None = None
    """The run that sent the message."""
    origin: str | None = None
    """Who sent it, when it was not a run."""
    arrivals: list[UUID] = []


def _evolve(was: StageRun | None, it: Recorded) -> StageRun | None:
    if isinstance(it.event, e.MessageQueued):
        return _queued(it.event, it)
    return was and was.model_copy(update=_changes(was, it))


def _queued(event: e.MessageQueued, it: Recorded) -> StageRun:
    return StageRun(
        run=event.message,
        incident=it.commit.key,
        stage=event.stage,
        lane=event.lane,
        queued=at(it.time),
        due=when(event.due),
        sender=event.sender,
        origin=None if event.sender else _origin(event, it),
        arrivals=[arrival.id for arrival in event.arrivals],
    )


def _origin(event: e.MessageQueued, it: Recorded) -> str:
    """In the words that clients of the original know."""
    if event.arrivals:
        return "External Data Interface"
    siblings = it.commit.events
    if any(isinstance(sibling, e.IncidentActivated) for sibling in siblings):
        return "activateIncident"
    ending = next((s.ending for s in siblings if isinstance(s, e.IncidentEnding)), None)
    if ending:
        return f"{'complete' if ending.outcome == 'COMPLETE' else 'cancel'}Incident"
    return "Simulation" if it.commit.cause.startswith("simulations/") else "timer"


def _changes(was: StageRun, it: Recorded) -> dict[str, object]:
    match it.event:
        case e.MessageExtended(arrival=arrival, due=due):
            return {"arrivals": [*was.arrivals, arrival.id], "due": when(due)}
        case e.MessageDropped(reason=reason):
            return _over(was, it, RunStatus.STOPPED, reason)
        case e.StageStarted(attempt=attempt):
            return {
                "status": RunStatus.RUNNING,
                "started": at(it.time),
                "attempt": attempt,
                "seconds": _seconds(was, it),
                "due": None,
                "ended": None,
            }
        case e.StageCompleted():
            return _over(was, it, RunStatus.COMPLETED, None)
        case e.StageAttemptFailed(error=error, retry_at=retry_at):
            return _waits_again(was, it, error) | {"due": when(retry_at)}
        case e.StageFailed(error=error):
            return _over(was, it, RunStatus.FAILED, error)
        case e.StageRetried():
            return _waits_again(was, it, was.error) | {"ended": None}
        case e.StageStopped(reason=reason):
            return _over(was, it, RunStatus.STOPPED, reason)
        case _:
            return {}


def _over(was: StageRun, it: Recorded, status: RunStatus, error: str | None) -> dict[str, object]:
    return {
        "status": status,
        "ended": at(it.time),
        "seconds": _seconds(was, it),
        "error": error,
        "due": None,
    }


def _waits_again(was: StageRun, it: Recorded, error: str | None) -> dict[str, object]:
    return {"status": RunStatus.WAITING, "seconds": _seconds(was, it), "error": error}


def _seconds(was: StageRun, it: Recorded) -> float:
    if was.status != RunStatus.RUNNING or was.started is None:
        return was.seconds
    return was.seconds + max(0.0, (at(it.time) - was.started).total_seconds())


def _key(it: Recorded) -> UUID | None:
    match it.event:
        case e.MessageQueued() | e.MessageExtended() | e.MessageDropped():
            return it.event.message
        case (
            e.StageStarted()
            | e.StageCompleted()
            | e.StageAttemptFailed()
            | e.StageFailed()
            | e.StageRetried()
            | e.StageStopped()
        ):
            return it.event.run
        case _:
            return None


TABLE = Table("stage_runs", StageRun, "run", _key, _evolve)

DDL = """
create table vestec_read.stage_runs (
    run uuid primary key,
    incident text not null,
    stage text not null,
    lane text,
    status text not null,
    queued timestamptz not null,
    due timestamptz,
    started timestamptz,
    ended timestamptz,
    attempt bigint not null,
    seconds double precision not null,
    error text,
    sender uuid,
    origin text,
    arrivals uuid[] not null
);
create index on vestec_read.stage_runs (incident, queued);
"""

_STOP_ALL = """
update vestec_read.stage_runs set status = 'stopped', ended = $2, error = $3, due = null,
    seconds = seconds + case status
        when 'running' then extract(epoch from $2 - started)::double precision else 0 end
where incident = $1 and status in ('waiting', 'running', 'failed')
"""


async def fold(connection: Connection, recorded: Iterable[Recorded]) -> None:
    """Take in events, in order; the end of an incident is about more rows than it names."""
    before: list[Recorded] = []
    for it in recorded:
        if isinstance(it.event, e.IncidentEnding):
            await TABLE.fold(connection, before)
            before = []
            reason = storable(it.event.ending.sentence)
            await connection.execute(_STOP_ALL, storable(it.commit.key), at(it.time), reason)
        else:
            before.append(it)
    await TABLE.fold(connection, before)


async def list_stage_runs(database: Queries, incident: str) -> list[StageRun]:
    """All runs of an incident, in order of their messages."""
    found = await database.fetch(
        "select * from vestec_read.stage_runs where incident = $1 order by queued, run", incident
    )
    return [TABLE.parse(record) for record in found]
