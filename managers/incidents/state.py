"""The state of one incident: nothing but the fold of its events.

Named tuples, since a copy with a change costs a third of a frozen dataclass's, and folding is
little else.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar
from uuid import UUID

from events import incidents as e
from events.incidents import Arrival, Ending, IncidentStatus
from events.values import Document, Event, Urgency

V = TypeVar("V")

_RETRIES_KNOWN = 256


class Waiting(NamedTuple):
    """A message that waits for its stage; the run that it becomes has its id."""

    id: UUID
    stage: str
    lane: str | None
    body: Document
    arrivals: tuple[Arrival, ...]
    due: float | None
    opened: float | None = None
    """When its first arrival came (seconds since the epoch)."""
    periodic: bool = False
    attempts: int = 0
    """Made before an operator asked for another one."""
    calls: Mapping[str, "Call"] = {}
    """Answers that those attempts got."""
    forgotten: Mapping[str, int] = {}
    """How often the answer to each call was part of a failure and forgotten."""


class Call(NamedTuple):
    """What a run asked for, and the answer once there is one."""

    name: str
    answered: bool = False
    value: Document = Document()
    error: str | None = None
    due: float | None = None
    otherwise: Document = Document()
    question: str | None = None
    choices: tuple[str, ...] = ()


class Run(NamedTuple):
    """A stage at work on a message, with the incident's state as it was when it started."""

    message: Waiting
    attempt: int
    at: float
    state: Mapping[str, Document]
    versions: Mapping[str, int]
    calls: Mapping[str, Call] = {}
    forgotten: Mapping[str, int] = {}
    failures: int = 0
    """Attempts that failed since the stage was started, or retried by an operator."""
    starts: int = 1
    """Without an end, progress or rest."""
    process: str = ""
    """Where it was started again."""
    resumed: float = 0.0
    """When, in seconds since the epoch."""
    held: float | None = None
    """Until when it is not started again, after its process ended too often."""
    retry_at: float | None = None
    error: str | None = None

    @property
    def id(self) -> UUID:
        return self.message.id

    @property
    def under_way(self) -> bool:
        """Whether its code runs, wherever its incident is."""
        return self.retry_at is None and self.held is None

    @property
    def waits(self) -> bool:
        """Whether somebody else has to answer before it goes on."""
        return any(not call.answered for call in self.calls.values())


class Incident(NamedTuple):
    """An incident while anything can still happen to it; what is over leaves only its status.

    Of that there may be very many, for ever: late commands are refused by it.
    """

    creation: e.IncidentCreated | None = None
    """None: it is over."""
    urgency: Urgency = Urgency.ROUTINE
    status: IncidentStatus = IncidentStatus.PENDING
    state: Mapping[str, Document] = {}
    versions: Mapping[str, int] = {}
    """How often each field of the state was set."""
    waiting: Mapping[UUID, Waiting] = {}
    runs: Mapping[UUID, Run] = {}
    failed: Mapping[UUID, Run] = {}
    ending: Ending | None = None
    retrying: tuple[UUID, ...] = ()
    """Failed runs that an operator wished to retry, and that come next."""
    retries: tuple[UUID, ...] = ()
    """The newest commands by which operators retried stages."""

    @property
    def created(self) -> e.IncidentCreated:
        """Of one that is not over."""
        assert self.creation is not None
        return self.creation

    @property
    def id(self) -> str:
        return self.created.incident

    @property
    def kind(self) -> str:
        return self.created.kind

    @property
    def closed(self) -> bool:
        return self.status in CLOSED

    @property
    def at_work(self) -> bool:
        """Whether stages are started."""
        return self.status in (IncidentStatus.ACTIVE, IncidentStatus.ERROR)

    @property
    def busy_lanes(self) -> set[str]:
        return {run.message.lane for run in self.runs.values() if run.message.lane}

    @property
    def last_start(self) -> float:
        """When the newest of its runs started; 0 if there is none."""
        return max((run.at for run in self.runs.values()), default=0.0)

    def startable(self, now: float) -> Iterator[Waiting]:
        """What may start now, one of each lane that is free, in order of arrival."""
        busy = self.busy_lanes
        for message in self.waiting.values() if self.at_work else ():
            if (message.due or 0.0) <= now and message.lane not in busy:
                busy |= {message.lane} if message.lane else set()
                yield message


CLOSED = (IncidentStatus.COMPLETE, IncidentStatus.CANCELLED, IncidentStatus.ARCHIVED)


def evolve(incident: Incident | None, event: Event) -> Incident | None:
    """The incident after an event."""
    if isinstance(event, e.IncidentCreated):
        return Incident(event, event.urgency)
    if incident is None:
        raise ValueError("nothing happens to an incident before it is created")
    return _evolve(incident, event)


def _evolve(was: Incident, event: Event) -> Incident:
    match event:
        case e.StageCompleted():
            versions = {name: was.versions.get(name, 0) + 1 for name in event.state}
            return was._replace(
                state={**was.state, **event.state} if event.state else was.state,
                versions={**was.versions, **versions} if versions else was.versions,
                runs=_without(was.runs, event.run),
            )
        case e.MessageQueued():
            return _with_waiting(was, _waiting(event))
        case e.StageStarted():
            return _started(was, event)
        case e.CallRequested():
            call = Call(
                event.name,
                due=event.due,
                otherwise=event.otherwise,
                question=event.question,
                choices=tuple(event.choices),
            )
            return _with_call(was, event.run, event.call, call)
        case e.CallAnswered():
            answer = Call(event.name, True, event.value, event.error)
            return _with_call(was, event.run, event.call, answer)
        case e.MessageExtended():
            return _with_waiting(was, _extended(was.waiting[event.message], event))
        case e.MessageDropped():
            return was._replace(waiting=_without(was.waiting, event.message))
        case e.StageResumed():
            return _with_run(was, _resumed(was.runs[event.run], event))
        case e.StageHeld():
            return _with_run(was, was.runs[event.run]._replace(held=event.until))
        case e.StageRested():
            return _with_run(was, was.runs[event.run]._replace(starts=1))
        case e.StageStopped():
            return _stopped(was, event.run)
        case e.StageAttemptFailed():
            run = _forgetting(was.runs[event.run], event.forget)
            failures = run.failures + 1
            return _with_run(was, run._replace(retry_at=event.retry_at, failures=failures))
        case e.StageFailed():
            return _failed(was, event)
        case e.StageRetried():
            return _retried(was, event)
        case e.RetryContinues():
            return was._replace(retrying=tuple(was.failed))
        case e.UrgencySet():
            return was._replace(urgency=event.urgency)
        case e.IncidentActivated():
            return was._replace(status=IncidentStatus.ACTIVE)
        case e.IncidentEnding():
            status = IncidentStatus.ACTIVE if was.failed else was.status
            return was._replace(
                ending=event.ending, waiting={}, runs={}, failed={}, retrying=(), status=status
            )
        case e.IncidentEnded():
            return Incident(status=event.ending.outcome)
        case e.IncidentArchived():
            return Incident(status=IncidentStatus.ARCHIVED)
        case _:
            return was


def _waiting(event: e.MessageQueued) -> Waiting:
    opened = event.arrivals[0].received if event.arrivals else None
    return Waiting(
        event.message,
        event.stage,
        event.lane,
        event.body,
        event.arrivals,
        event.due,
        opened,
        event.periodic,
    )


def _extended(was: Waiting, event: e.MessageExtended) -> Waiting:
    return was._replace(arrivals=(*was.arrivals, event.arrival), due=event.due)


def _started(was: Incident, event: e.StageStarted) -> Incident:
    before = was.runs.get(event.run)
    if before is None:
        message = was.waiting[event.run]
        calls, forgotten = message.calls, message.forgotten
        run = Run(message, event.attempt, event.at, was.state, was.versions, calls, forgotten)
        waiting = _without(was.waiting, event.run)
        return was._replace(waiting=waiting, runs={**was.runs, event.run: run})
    run = before._replace(
        attempt=event.attempt,
        at=event.at,
        state=was.state,
        versions=was.versions,
        starts=1,
        retry_at=None,
    )
    return _with_run(was, run)


def _resumed(run: Run, event: e.StageResumed) -> Run:
    return run._replace(starts=event.starts, process=event.process, resumed=event.at, held=None)


def _failed(was: Incident, event: e.StageFailed) -> Incident:
    run = _forgetting(was.runs[event.run], event.forget)
    run = run._replace(retry_at=None, error=event.error)
    return was._replace(
        runs=_without(was.runs, event.run),
        failed={**was.failed, event.run: run},
        status=IncidentStatus.ERROR,
    )


def _stopped(was: Incident, run: UUID) -> Incident:
    if run not in was.failed:
        return was._replace(runs=_without(was.runs, run))
    return _mended(was, run)


def _retried(was: Incident, event: e.StageRetried) -> Incident:
    run = was.failed[event.run]
    message = run.message._replace(
        due=None, attempts=run.attempt, calls=run.calls, forgotten=run.forgotten
    )
    return _mended(was, run.id)._replace(
        waiting={message.id: message, **was.waiting},
        retries=_with_command(was.retries, event.command),
    )


def _mended(was: Incident, run: UUID) -> Incident:
    failed = _without(was.failed, run)
    return was._replace(
        failed=failed,
        retrying=tuple(other for other in was.retrying if other != run),
        status=was.status if failed else IncidentStatus.ACTIVE,
    )


def _with_command(known: tuple[UUID, ...], command: UUID | None) -> tuple[UUID, ...]:
    return known if command is None or command in known else (command, *known)[:_RETRIES_KNOWN]


def _forgetting(run: Run, forget: tuple[str, ...]) -> Run:
    """The run with what a retry need not ask again: its successes."""
    successes = {
        key: call
        for key, call in run.calls.items()
        if call.answered and call.error is None and key not in forget
    }
    failed = [key for key, call in run.calls.items() if call.error is not None]
    again = {key: run.forgotten.get(key, 0) + 1 for key in {*forget, *failed}}
    return run._replace(calls=successes, forgotten={**run.forgotten, **again})


def _with_waiting(was: Incident, message: Waiting) -> Incident:
    return was._replace(waiting={**was.waiting, message.id: message})


def _with_run(was: Incident, run: Run) -> Incident:
    return was._replace(runs={**was.runs, run.id: run})


def _with_call(was: Incident, run: UUID, key: str, call: Call) -> Incident:
    before = was.runs[run]
    starts = 1 if call.answered else before.starts
    return _with_run(was, before._replace(calls={**before.calls, key: call}, starts=starts))


def _without(mapping: Mapping[UUID, V], key: UUID) -> Mapping[UUID, V]:
    left = dict(mapping)
    left.pop(key, None)
    return left
