"""What runs ask of the rest of the system, and the answers: from managers, people and the clock."""

from uuid import UUID, uuid5

from events import incidents as e
from events.simulations import CreateSimulation
from events.values import Command, Document
from managers.incidents import inputs as i
from managers.incidents.draft import Draft
from managers.incidents.state import Call
from managers.portions import portion
from managers.runtime import Rejected, Send


def request(draft: Draft, input: i.RequestCall) -> None:
    """A call; one that was made before is not made again."""
    run = draft.current(input.run, input.attempt)
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
        draft.send(Send(input.target.context, input.target.key, _as_incident(draft, input.command)))


def _as_incident(draft: Draft, command: Command) -> Command:
    """A simulation presses as its incident does when it is created, and is its owner's."""
    if isinstance(command, CreateSimulation):
        of = {"urgency": draft.incident.urgency, "owner": draft.incident.created.owner}
        return command.model_copy(update=of)
    return command


def record(draft: Draft, input: i.RecordStep) -> None:
    """A step's result; the first one counts."""
    run = draft.current(input.run, input.attempt)
    if input.call not in run.calls:
        _answered(draft, run.id, input.call, input.name, input.value)


def answer(draft: Draft, input: e.AnswerCall) -> None:
    """An answer to a run that is over, or to a call that has one, changes nothing."""
    run = draft.incident.runs.get(input.run)
    call = run.calls.get(input.call) if run else None
    if call and not call.answered:
        _answered(draft, input.run, input.call, call.name, input.value, input.error)


def answer_question(draft: Draft, input: e.AnswerQuestion) -> None:
    """A person's choice."""
    for run in draft.incident.runs.values():
        for key, call in run.calls.items():
            if call.question and not call.answered and question_id(run.id, key) == input.question:
                _choose(draft, run.id, key, call, input.choice)
                return
    raise Rejected("nobody waits for an answer to this question")


def answer_by_clock(draft: Draft) -> None:
    """Calls whose time is up; what is more than fits into a decision is answered with the next."""
    due = (
        [e.CallAnswered(run=run.id, call=key, name=call.name, value=call.otherwise)]
        for run in draft.incident.runs.values()
        for key, call in run.calls.items()
        if not call.answered and call.due is not None and call.due <= draft.given.now
    )
    draft.add(*portion(due)[0])


def question_id(run: UUID, call: str) -> UUID:
    """The id under which a person answers what a stage asked."""
    return uuid5(run, call)


def _choose(draft: Draft, run: UUID, key: str, call: Call, choice: str) -> None:
    if choice not in call.choices:
        raise Rejected(f"the choices are: {', '.join(call.choices)}")
    _answered(draft, run, key, call.name, Document(json_value=choice))


def _answered(
    draft: Draft, run: UUID, key: str, name: str, value: Document, error: str | None = None
) -> None:
    draft.add(e.CallAnswered(run=run, call=key, name=name, value=value, error=error))
