"""What an incident makes of a command: pure, like all of its kind."""

from collections.abc import Callable, Iterable
from functools import partial

from events import incidents as e
from managers.incidents import calls, life, messages, runs
from managers.incidents import inputs as i
from managers.incidents.catalogue import Catalogue
from managers.incidents.draft import Draft
from managers.incidents.state import Incident
from managers.runtime import Decided, Effect, Given, Rejected
from managers.runtime.manager import Input

Decide = Callable[[Incident | None, Input, Given], Iterable[Effect] | Decided[Incident]]


def decider(catalogue: Catalogue) -> Decide:
    """`decide` for incidents whose workflows are in the catalogue."""
    return partial(_decide, catalogue)


def _decide(
    catalogue: Catalogue, incident: Incident | None, input: Input, given: Given
) -> Iterable[Effect] | Decided[Incident]:
    if isinstance(input, e.CreateIncident):
        return life.create(catalogue, incident, input)
    if incident is None:
        raise Rejected("there is no such incident")
    plan = None if incident.closed else catalogue.get(incident.kind)
    draft = Draft(incident, plan, given)
    _take(draft, input)
    draft.start_stages()
    return Decided(draft.effects, draft.incident)


def _take(draft: Draft, input: Input) -> None:
    match input:
        case i.FinishRun():
            runs.finish(draft, input)
        case i.RequestCall():
            calls.request(draft, input)
        case i.RecordStep():
            calls.record(draft, input)
        case e.AnswerCall():
            calls.answer(draft, input)
        case e.DeliverArrival():
            messages.arrive(draft, input)
        case e.Deliver():
            messages.deliver(draft, input)
        case i.FailRun():
            runs.fail(draft, input)
        case i.ResumeRun():
            runs.resume(draft, input)
        case i.RestRun():
            runs.rest(draft, input)
        case i.LookAtClock():
            runs.try_again(draft)
            runs.release(draft)
            runs.continue_retry(draft)
            calls.answer_by_clock(draft)
        case e.ActivateIncident():
            life.activate(draft)
        case e.SetUrgency():
            life.set_urgency(draft, input)
        case e.CancelIncident():
            life.cancel(draft, input)
        case e.ArchiveIncident():
            life.archive(draft)
        case e.RetryStage():
            runs.retry(draft, input)
        case e.AnswerQuestion():
            calls.answer_question(draft, input)
        case e.TakeNote():
            draft.add(e.Noted(note=input.note))
        case _:
            raise Rejected(f"incidents do not take {type(input).__name__}")
