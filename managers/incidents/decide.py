"""What an incident makes of a command: pure, like all of its kind."""

from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID, uuid5

from events import incidents as e
from events.endpoints import CloseAllEndpoints
from events.incidents import Ending, IncidentStatus
from events.simulations import CancelAllSimulations, CancelSimulationsOf
from events.values import Context, Document
from managers.incidents import inputs as i
from managers.incidents.catalogue import Catalogue
from managers.incidents.draft import Draft
from managers.incidents.state import Call, Incident, Run
from managers.runtime import Decided, Effect, Given, Rejected, Send
from managers.runtime.manager import Input

STARTS_WITHOUT_PROGRESS = 5
"""A stage whose process ended so often while it ran, without any progress, is failed."""

Decide = Callable[[Incident | None, Input, Given], Iterable[Effect] | Decided[Incident]]


def decider(catalogue: Catalogue) -> Decide:
    """`decide` for incidents whose workflows are in the catalogue."""
    return partial(_decide, catalogue)


def _decide(
    catalogue: Catalogue, incident: Incident | None, input: Input, given: Given
) -> Iterable[Effect] | Decided[Incident]:
    if isinstance(input, e.CreateIncident):
        return _create(catalogue, incident, input)
    if incident is None:
        raise Rejected("there is no such incident")
    draft = Draft(incident, catalogue.get(incident.kind), given)
    _take(draft, input)
    draft.start_stages()
    return Decided(draft.effects, draft.incident)


def _create(
    catalogue: Catalogue, incident: Incident | None, wanted: e.CreateIncident
) -> Iterable[Effect]:
    if incident is not None:
        return []
    plan = catalogue.get(wanted.kind)
    if plan is None:
        known = ", ".join(sorted(catalogue)) or "none"
        raise Rejected(f"unknown kind of incident {wanted.kind!r}; known are: {known}")
    try:
        parameters = plan.check(wanted.parameters)
    except ValueError as error:
        raise Rejected(f"parameters of {wanted.kind}: {error}") from error
    return [
        e.IncidentCreated(
            incident=wanted.incident,
            kind=wanted.kind,
            workflow_version=plan.version,
            name=wanted.name,
            parameters=parameters,
            exercise=wanted.exercise,
            owner=wanted.owner,
        )
    ]


def _take(draft: Draft, input: Input) -> None:
    match input:
        case i.FinishRun():
            _finish(draft, input)
        case i.RequestCall():
            _request(draft, input)
        case i.RecordStep():
            _record(draft, input)
        case e.AnswerCall():
            _answer(draft, input)
        case e.DeliverArrival():
            _arrive(draft, input)
        case e.Deliver():
            _require_open(draft)
            _queue(draft, input.delivery, "callback")
        case i.FailRun():
            _fail(draft, input)
        case i.ResumeRun():
            _resume(draft, input)
        case i.LookAtClock():
            _look_at_clock(draft)
        case e.ActivateIncident():
            _activate(draft)
        case e.CancelIncident():
            _cancel(draft, input)
        case e.ArchiveIncident():
            _archive(draft)
        case e.RetryStage():
            _retry(draft, input)
        case e.AnswerQuestion():
            _answer_question(draft, input)
        case e.TakeNote():
            draft.add(e.Noted(note=input.note))
        case _:
            raise Rejected(f"incidents do not take {type(input).__name__}")


# The life of an incident.


def _require_open(draft: Draft) -> None:
    if draft.incident.closed or draft.incident.ending:
        raise Rejected(f"the incident is over ({draft.incident.status})")


def _activate(draft: Draft) -> None:
    _require_open(draft)
    if draft.incident.status != IncidentStatus.PENDING:
        raise Rejected(f"the incident is {draft.incident.status} already")
    if draft.plan is None:
        raise Rejected(f"the workflow {draft.incident.kind} is not installed here")
    draft.add(e.IncidentActivated())
    if draft.plan.on_activate:
        _queue(draft, e.Delivery(stage=draft.plan.on_activate), "activate")
    for plan in {id(plan): plan for plan in draft.plan.stages.values()}.values():
        if plan.every is not None:
            _queue(draft, e.Delivery(stage=plan.name, after=plan.every), "every", plan.name)


def _cancel(draft: Draft, wanted: e.CancelIncident) -> None:
    _require_open(draft)
    _end(draft, Ending(outcome=IncidentStatus.CANCELLED, reason=wanted.reason))


def _archive(draft: Draft) -> None:
    if not draft.incident.closed:
        raise Rejected(f"only an incident that is over is archived; it is {draft.incident.status}")
    if draft.incident.status != IncidentStatus.ARCHIVED:
        draft.add(e.IncidentArchived())


def _end(draft: Draft, ending: Ending) -> None:
    """Stop everything, clean up, and be over."""
    incident, was_pending = draft.incident, draft.incident.status == IncidentStatus.PENDING
    draft.add(e.IncidentEnding(ending=ending))
    reason = f"the incident ends: {ending.reason or ending.outcome}"
    for run in (*incident.runs.values(), *incident.failed.values()):
        draft.add(e.StageStopped(run=run.id, reason=reason))
    for message in incident.waiting:
        draft.add(e.MessageDropped(message=message, reason=reason))
    draft.send(
        Send(Context.SIMULATIONS, incident.id, CancelAllSimulations(reason=reason)),
        Send(Context.ENDPOINTS, incident.id, CloseAllEndpoints()),
    )
    clean_up = draft.plan.on_end if draft.plan and not was_pending else None
    if clean_up:
        _queue(draft, e.Delivery(stage=clean_up), "end")
    else:
        draft.add(e.IncidentEnded(ending=ending))


# Messages.


def _queue(draft: Draft, delivery: e.Delivery, *name: object, sender: UUID | None = None) -> None:
    plan = draft.stage(delivery.stage)
    message = draft.given.name("message", *name)
    if plan.latest:
        _supersede(draft, plan.name, message)
    draft.add(
        e.MessageQueued(
            message=message,
            stage=plan.name,
            lane=plan.lane,
            body=delivery.message,
            sender=sender,
            due=draft.given.now + delivery.after if delivery.after else None,
        )
    )


def _supersede(draft: Draft, stage: str, newer: UUID) -> None:
    """What is older of the same stage is not wanted any more."""
    incident, reason = draft.incident, "superseded by a newer message"
    for message in incident.waiting.values():
        if message.stage == stage:
            draft.add(e.MessageDropped(message=message.id, reason=reason))
    for run in incident.runs.values():
        if run.message.stage == stage:
            draft.add(e.StageStopped(run=run.id, reason=reason, superseded_by=newer))
            _cancel_simulations(draft, run, reason)


def _cancel_simulations(draft: Draft, run: Run, reason: str) -> None:
    command = CancelSimulationsOf(run=run.id, reason=reason)
    draft.send(Send(Context.SIMULATIONS, draft.incident.id, command))


def _arrive(draft: Draft, wanted: e.DeliverArrival) -> None:
    _require_open(draft)
    plan, arrival = draft.stage(wanted.stage), wanted.arrival
    burst = plan.debounce and next(
        (m for m in draft.incident.waiting.values() if m.stage == plan.name and m.opened), None
    )
    now = draft.given.now
    if plan.debounce and burst:
        due = min(now + plan.debounce.quiet, (burst.opened or now) + plan.debounce.at_most)
        draft.add(e.MessageExtended(message=burst.id, arrival=arrival, due=due))
        return
    message = draft.given.name("message", arrival.id)
    if plan.latest:
        _supersede(draft, plan.name, message)
    draft.add(
        e.MessageQueued(
            message=message,
            stage=plan.name,
            lane=plan.lane,
            arrivals=(arrival,),
            due=now + plan.debounce.quiet if plan.debounce else None,
        )
    )


# Runs.


def _current(draft: Draft, run_id: UUID, attempt: int) -> Run:
    run = draft.incident.runs.get(run_id)
    if run is None or run.attempt != attempt:
        raise Rejected("this run is not current any more")
    return run


def _finish(draft: Draft, input: i.FinishRun) -> None:
    run = _current(draft, input.run, input.attempt)
    versions = draft.incident.versions
    changed = [name for name in input.state if versions.get(name) != run.versions.get(name)]
    if changed:
        draft.add(
            e.StageConflicted(run=run.id, fields=changed),
            e.StageStarted(run=run.id, attempt=run.attempt + 1, at=draft.given.now),
        )
        return
    draft.add(e.StageCompleted(run=run.id, state=dict(input.state)))
    draft.add(*(e.Noted(note=note) for note in input.notes))
    for rejected in input.rejected:
        draft.add(e.ArrivalRejected(arrival=rejected.arrival, reason=rejected.reason))
    if draft.incident.ending:
        draft.add(e.IncidentEnded(ending=draft.incident.ending))
        return
    for index, delivery in enumerate(input.deliveries):
        _queue(draft, delivery, index, sender=run.id)
    if input.ending:
        _end(draft, input.ending)


def _fail(draft: Draft, input: i.FailRun) -> None:
    run = _current(draft, input.run, input.attempt)
    plan = draft.stage(run.message.stage)
    delay = None if input.final else plan.retry.delay(run.attempt - run.message.attempts)
    if delay is not None:
        draft.add(
            e.StageAttemptFailed(
                run=run.id,
                error=input.error,
                traceback=input.traceback,
                forget=input.forget,
                retry_at=draft.given.now + delay,
            )
        )
        return
    draft.add(
        e.StageFailed(run=run.id, error=input.error, traceback=input.traceback, forget=input.forget)
    )
    _cancel_simulations(draft, run, f"stage {run.message.stage} failed")
    if draft.incident.ending:
        draft.add(e.IncidentEnded(ending=draft.incident.ending))


def _resume(draft: Draft, input: i.ResumeRun) -> None:
    run = draft.incident.runs[input.run]
    if run.starts < STARTS_WITHOUT_PROGRESS:
        draft.add(e.StageResumed(run=run.id, starts=run.starts + 1))
        return
    error = f"its process ended {run.starts} times while the stage ran; it may have caused that"
    _fail(draft, i.FailRun(run.id, run.attempt, error, final=True))


def _retry(draft: Draft, wanted: e.RetryStage) -> None:
    failed = draft.incident.failed
    runs = list(failed) if wanted.run is None else [wanted.run]
    if not runs or any(run not in failed for run in runs):
        raise Rejected("there is no such failed stage to retry")
    draft.add(*(e.StageRetried(run=run) for run in runs))


# Calls.


def _request(draft: Draft, input: i.RequestCall) -> None:
    run = _current(draft, input.run, input.attempt)
    if input.call in run.calls:
        return
    draft.add(
        e.CallRequested(
            run=run.id,
            call=input.call,
            name=input.name,
            due=None if input.after is None else draft.given.now + input.after,
            otherwise=input.otherwise,
            question=input.question,
            choices=list(input.choices),
        )
    )
    if input.target and input.command:
        draft.send(Send(input.target.context, input.target.key, input.command))


def _record(draft: Draft, input: i.RecordStep) -> None:
    run = _current(draft, input.run, input.attempt)
    draft.add(e.CallAnswered(run=run.id, call=input.call, name=input.name, value=input.value))


def _answer(draft: Draft, input: e.AnswerCall) -> None:
    """An answer to a run that is over, or to a call that has one, changes nothing."""
    run = draft.incident.runs.get(input.run)
    call = run.calls.get(input.call) if run else None
    if call and not call.answered:
        _answered(draft, input.run, input.call, call, input.value, input.error)


def _answered(
    draft: Draft, run: UUID, key: str, call: Call, value: Document, error: str | None = None
) -> None:
    draft.add(e.CallAnswered(run=run, call=key, name=call.name, value=value, error=error))


def _answer_question(draft: Draft, input: e.AnswerQuestion) -> None:
    for run in draft.incident.runs.values():
        for key, call in run.calls.items():
            if call.question and not call.answered and question_id(run.id, key) == input.question:
                if input.choice not in call.choices:
                    raise Rejected(f"the choices are: {', '.join(call.choices)}")
                _answered(draft, run.id, key, call, Document(json_value=input.choice))
                return
    raise Rejected("nobody waits for an answer to this question")


def question_id(run: UUID, call: str) -> UUID:
    """The id under which a person answers what a stage asked."""
    return uuid5(run, call)


# The clock.


def _look_at_clock(draft: Draft) -> None:
    now = draft.given.now
    for run in draft.incident.runs.values():
        if run.retry_at is not None and run.retry_at <= now:
            draft.add(e.StageStarted(run=run.id, attempt=run.attempt + 1, at=now))
        for key, call in run.calls.items():
            if not call.answered and call.due is not None and call.due <= now:
                _answered(draft, run.id, key, call, call.otherwise)
