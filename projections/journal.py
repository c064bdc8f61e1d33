"""The incident's log for operators: notes, refusals and failures, with what to do next."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from events import endpoints, incidents, machines, operations, simulations
from events.envelope import Commit
from events.jobs import JobState
from events.values import Context, Event
from projections.database import Connection, Queries, at, storable
from projections.projection import SCHEMA, Fact, Projection

Level = Literal["info", "warning", "error"]


class Entry(BaseModel):
    """One line that an operator should read."""

    incident: str
    time: datetime
    level: Level
    text: str
    next: str
    """What to do about it; empty: nothing."""
    subject: UUID | None
    """The run, simulation or arrival it is about."""
    context: Context
    partition: int
    offset: int
    index: int


class _Line(NamedTuple):
    level: Level
    text: str
    next: str = ""
    subject: UUID | None = None


_RETRY = "Look at the error, then retry the stage or cancel the incident."


def _line_in(commit: Commit, event: Event) -> _Line | None:
    """What an operator should read about an event of a commit."""
    if not isinstance(event, incidents.IncidentEnding):
        return _line(event)
    over = any(isinstance(other, incidents.IncidentEnded) for other in commit.events)
    clauses = [
        f"the incident ends ({event.ending.outcome})",
        event.stopped and f"runs stopped: {event.stopped}",
        event.dropped and f"messages dropped: {event.dropped}",
        not over and "its last stage cleans up",
    ]
    told = [clause for clause in clauses if clause]
    if len(told) == 1:
        return None
    next = "" if over else "If that does not end, cancel the incident with force."
    return _Line("info", ", ".join(told), next)


def _line(event: Event) -> _Line | None:
    match event:
        case incidents.Noted(note=note):
            return _Line(note.level, note.text)
        case incidents.ArrivalRejected(arrival=arrival, reason=reason):
            text = f"data was refused: {reason}"
            return _Line("warning", text, "Correct the data and send it again.", arrival)
        case incidents.StageAttemptFailed(run=run, error=error):
            return _Line("warning", f"a stage failed and is tried again: {error}", subject=run)
        case incidents.StageFailed(run=run, error=error):
            return _Line("error", f"a stage failed: {error}", _RETRY, run)
        case incidents.StageResumed(run=run, starts=starts):
            text = f"a stage was started again after its process ended (start {starts})"
            return _Line("info", text, subject=run)
        case incidents.StageHeld(run=run):
            text = "a stage is started again a little later, since its process ended several times"
            return _Line("info", text, subject=run)
        case incidents.StageStopped(run=run, reason=reason):
            return _Line("info", f"a stage was stopped: {reason}", subject=run)
        case incidents.IncidentEnded(ending=ending):
            return _Line("info", f"the incident is {ending.outcome}: {ending.reason}".rstrip(": "))
        case endpoints.PullFailed(name=name, reason=reason):
            text = f"pulling {name} fails: {reason}"
            return _Line("warning", text, "It is tried again; look at the source and its URL.")
        case endpoints.PullRecovered(name=name):
            return _Line("info", f"pulling {name} works again")
        case _:
            return _line_of_job(event)


def _line_of_job(event: Event) -> _Line | None:
    match event:
        case simulations.SimulationStateChanged():
            return _line_of_state(event)
        case simulations.OutputsKept(simulation=id, missing=missing, reason=why) if missing:
            names = ", ".join(missing)
            text = f"a simulation did not write {names}"
            if why:
                text = f"a simulation is without its results {names}: {why}"
            return _Line("warning", text, "Look at the program's output.", id)
        case simulations.CancellationRequested(simulation=id, reason=reason):
            return _Line("info", f"a simulation is cancelled: {reason}".rstrip(": "), subject=id)
        case machines.NoMachineFound(simulation=id, reason=reason):
            text = f"no machine can run a simulation: {reason}"
            return _Line("error", text, "Add a machine that is large enough.", id)
        case machines.ChoicePostponed(wanted=wanted, reason=reason):
            text = f"a simulation waits for a machine: {reason}"
            return _Line("warning", text, "Enable a machine or repair one.", wanted.simulation)
        case operations.SubmissionDoubted(reason=reason):
            text = f"nobody knows whether a submission got through: {reason}"
            return _Line("warning", text, "The job is looked up before it is submitted again.")
        case operations.TaskHindered(task=task, reason=reason):
            text = f"{_TASKS[task]} fails and is tried again: {reason}"
            return _Line("warning", text, "It goes on by itself as soon as this is repaired.")
        case operations.SubmissionRefused(reason=reason):
            return _Line("error", f"a machine refused a job: {reason}", "Correct what it asks for.")
        case _:
            return None


_TASKS = {
    operations.JobTask.SUBMIT: "submitting a job",
    operations.JobTask.CANCEL: "cancelling a job",
    operations.JobTask.COLLECT: "fetching the results of a job",
}
_STATES: dict[JobState, tuple[Level, str]] = {
    JobState.FAILED: ("error", "Look at the program's output and its inputs."),
    JobState.TIMEOUT: ("error", "Ask for a longer walltime or for less work."),
    JobState.LOST: ("error", "Look at the machine: nobody there knows the job any more."),
}


def _line_of_state(event: simulations.SimulationStateChanged) -> _Line | None:
    if event.state not in _STATES:
        return None
    level, next = _STATES[event.state]
    text = f"a simulation is {event.state} (says {event.witness}): {event.reason}".rstrip(": ")
    return _Line(level, text, next, event.simulation)


def _incident(commit: Commit, event: Event) -> str | None:
    wanted = getattr(event, "wanted", None)
    return commit.incident or getattr(event, "incident", getattr(wanted, "incident", None))


def _refusal(fact: Fact) -> _Line | None:
    refused = fact.commit.rejection
    if refused is None:
        return None
    return _Line("warning", f"{refused.command} was refused: {refused.reason}")


def _rows(fact: Fact) -> Iterator[tuple[object, ...]]:
    lines: list[tuple[int, str | None, _Line | None]] = [
        (-1, fact.commit.incident, _refusal(fact)),
        *(
            (index, _incident(fact.commit, event), _line_in(fact.commit, event))
            for index, event in enumerate(fact.commit.events)
        ),
    ]
    place = (fact.context.value, fact.partition, fact.offset)
    for index, incident, line in lines:
        if incident and line:
            texts = (line.level, storable(line.text), line.next, line.subject)
            yield storable(incident), at(fact.time), *texts, *place, index


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    rows = [row for fact in batch for row in _rows(fact)]
    if rows:
        await connection.copy_records_to_table(
            "journal", records=rows, columns=list(Entry.model_fields), schema_name=SCHEMA
        )


PROJECTION = Projection(
    name="journal",
    version=3,
    contexts=tuple(context for context in Context if context != Context.USERS),
    tables=("journal",),
    ddl="""
        create table vestec_read.journal (
            incident text not null,
            time timestamptz not null,
            level text not null,
            text text not null,
            next text not null,
            subject uuid,
            context text not null,
            partition integer not null,
            "offset" bigint not null,
            "index" integer not null,
            primary key (context, partition, "offset", "index")
        );
        create index on vestec_read.journal (incident, time);
        """,
    apply=_apply,
)


async def read_journal(database: Queries, incident: str, limit: int = 1000) -> list[Entry]:
    """The newest entries about an incident, newest first."""
    found = await database.fetch(
        """
        select * from vestec_read.journal where incident = $1
        order by time desc, context, partition, "offset" desc, "index" desc limit $2
        """,
        incident,
        limit,
    )
    return [Entry.model_validate(dict(record)) for record in found]
