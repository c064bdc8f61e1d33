"""The simulations of one incident: nothing but the fold of their events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from events import simulations as e
from events.jobs import JobId, JobState, Token, Waiting, token_of
from events.simulations import SimulationRequest, SimulationResult
from events.values import Blob, Document, Event, ReplyTo, Urgency


@dataclass(frozen=True, slots=True)
class Simulation:
    """One simulation, from its creation to the end of everybody's interest in it."""

    id: UUID
    request: SimulationRequest
    exercise: bool
    urgency: Urgency
    created_by: ReplyTo | None
    owner: str = ""
    state: JobState = JobState.CREATED
    machine: str | None = None
    submitted: bool = False
    callbacks: Mapping[JobState, str] = field(default_factory=dict)
    context: Document = Document()
    waiting: tuple[ReplyTo, ...] = ()
    job_id: JobId | None = None
    attempt: int = 1
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    reason: str = ""
    stuck: Waiting | None = None
    instances: Mapping[JobState, int] = field(default_factory=dict)
    outputs: Mapping[str, Blob] | None = None
    """Known once they were fetched."""
    missing: tuple[str, ...] = ()
    left: bool = False
    """It had ended, as far as anybody knew, and so had left its machine; it may be back there."""
    cancelling: bool = False
    to_cancel: str | None = None
    """Why it is to be cancelled as soon as its turn comes."""
    group: UUID | None = None
    beaten: bool = False
    """Another one of its group completed before it."""

    @property
    def token(self) -> Token:
        return token_of(self.id)

    @property
    def settled(self) -> bool:
        """Ended, with its results in our hands if there are any."""
        if self.state == JobState.COMPLETED and self.request.outputs:
            return self.outputs is not None
        return self.state.ended

    @property
    def may_be_cancelled(self) -> bool:
        """Whether there is something of it to end: of what completed, the fetching of results."""
        if self.state == JobState.COMPLETED:
            return not self.settled
        return self.state == JobState.LOST or not (self.state.ended or self.cancelling)

    @property
    def awaits_cancellation(self) -> bool:
        return self.to_cancel is not None and self.may_be_cancelled

    @property
    def run(self) -> UUID | None:
        """Of a stage, which created it."""
        return self.created_by.run if self.created_by else None

    @property
    def completed_first(self) -> bool:
        """Whether it is the one that counts, in its group if it has one."""
        return self.state == JobState.COMPLETED and not self.beaten

    @property
    def result(self) -> SimulationResult:
        timed = self.started is not None and self.ended is not None
        return SimulationResult(
            simulation=self.id,
            state=self.state,
            machine=self.machine,
            job_id=self.job_id,
            seconds=self.ended - self.started if timed else None,  # type: ignore[operator]
            exit_code=self.exit_code,
            reason=self.reason,
            stuck=self.stuck,
            instances=dict(self.instances),
            outputs=dict(self.outputs or {}),
            missing=self.missing,
            unwanted=self.cancelling,
        )


@dataclass(frozen=True, slots=True)
class Simulations:
    """All simulations of an incident that anybody may still ask about."""

    incident: str
    by_id: Mapping[UUID, Simulation] = field(default_factory=dict)
    closed: bool = False
    """The incident is over: each is forgotten when it has ended."""

    def affected(self, wish: e.CancellationContinues) -> Iterator[Simulation]:
        """Those that a wish is about."""
        for one in self.by_id.values():
            if wish.run not in (None, one.run):
                continue
            beaten = one.group == wish.group and not one.completed_first
            if one.may_be_cancelled and (wish.group is None or beaten):
                yield one

    def having(self, simulation: Simulation) -> "Simulations":
        """The same with this one as it is now."""
        return replace(self, by_id={**self.by_id, simulation.id: simulation})

    def is_awaited(self, token: Token) -> bool:
        """Whether one that was submitted comes after the one with that token."""
        submitted = (one.request.options.after for one in self.by_id.values() if one.submitted)
        return any(other.token == token for after in submitted for other in after)

    def rivals(self, of: Simulation) -> Iterator[Simulation]:
        """The others of its group."""
        others = (s for s in self.by_id.values() if s.id != of.id)
        return (s for s in others if of.group is not None and s.group == of.group)


def evolve(was: Simulations | None, event: Event) -> Simulations | None:
    """The simulations after an event; None when nobody can ask about any of them."""
    after = _evolve(was, event)
    if not after.closed:
        return after
    left = {id: s for id, s in after.by_id.items() if not s.settled or s.awaits_cancellation}
    return replace(after, by_id=left) if left else None


def _evolve(was: Simulations | None, event: Event) -> Simulations:
    if isinstance(event, e.SimulationCreated):
        was = was or Simulations(event.incident)
        made = Simulation(
            event.simulation,
            event.request,
            event.exercise,
            event.urgency,
            event.reply_to,
            event.owner,
        )
        return was.having(made)
    if was is None:
        raise ValueError("nothing happens to simulations before one is created")
    match event:
        case e.SimulationsClosed():
            return replace(was, closed=True)
        case e.CancellationContinues():
            marked = {one.id: replace(one, to_cancel=event.reason) for one in was.affected(event)}
            return replace(was, by_id={**was.by_id, **marked})
        case e.SimulationsGrouped():
            return grouped(was, event)
    if isinstance(event, OfOne):
        return was.having(changed(was, event))
    return was


def grouped(was: Simulations, event: e.SimulationsGrouped) -> Simulations:
    """The simulations once some of them are a group."""
    for id in event.simulations:
        was = was.having(_ranked(was, replace(was.by_id[id], group=event.group)))
    return was


def changed(was: Simulations, event: "OfOne") -> Simulation:
    """The simulation that an event is about, after it."""
    return _ranked(was, _changed(was.by_id[event.simulation], event))


def _ranked(was: Simulations, now: Simulation) -> Simulation:
    """The first completion of a group counts, all later ones are beaten."""
    late = now.state == JobState.COMPLETED and any(r.completed_first for r in was.rivals(now))
    return replace(now, beaten=True) if late else now


OfOne = (
    e.SimulationPlaced
    | e.SimulationSubmitted
    | e.SimulationAwaited
    | e.SimulationStateChanged
    | e.CancellationRequested
    | e.OutputsKept
)


def _changed(was: Simulation, event: OfOne) -> Simulation:
    match event:
        case e.SimulationPlaced():
            return replace(was, machine=event.machine)
        case e.SimulationSubmitted():
            return replace(
                was,
                submitted=True,
                state=JobState.PENDING,
                callbacks=event.callbacks,
                context=event.context,
            )
        case e.SimulationAwaited():
            return replace(was, waiting=(*was.waiting, event.reply_to))
        case e.SimulationStateChanged():
            return replace(
                was,
                state=event.state,
                job_id=event.job_id or was.job_id,
                attempt=event.attempt,
                exit_code=event.exit_code,
                started=event.started or was.started,
                ended=event.ended,
                reason=event.reason,
                stuck=event.stuck,
                instances=event.instances,
                left=was.left or event.state.ended,
            )
        case e.CancellationRequested():
            return replace(was, cancelling=True, to_cancel=None)
        case e.OutputsKept():
            reason = event.reason or was.reason
            return replace(was, outputs=event.outputs, missing=event.missing, reason=reason)
