"""What runs ask, and who answers: managers, people, the clock."""

from dataclasses import replace
from uuid import UUID

from events import incidents as e
from events.datasets import ListDataSets
from events.values import INLINE_BYTES, Context, Document, ReplyTo, Target
from managers.incidents import (
    FailRun,
    Incident,
    LookAtClock,
    RecordStep,
    RequestCall,
    Run,
    question_id,
)
from managers.runtime import Send
from tests.managers.incidents.site import ID, active, incident, run, sent
from tests.managers.scenario import NOW, Scenario


def at_work() -> tuple[Scenario[Incident], Run]:
    of = active().when(sent("flaky"))
    return of, run(of, "flaky")


def sleeps(of: Run, seconds: float) -> RequestCall:
    return RequestCall(of.id, of.attempt, "sleep", "sleep", after=seconds)


def asks(of: Run, within: float = 60) -> RequestCall:
    return RequestCall(
        of.id, of.attempt, "ask", "ask", after=within, otherwise=Document(json_value="wait"),
        question="Evacuate?", choices=("go", "wait"),
    )  # fmt: skip


def answered(of: Scenario[Incident], call: str) -> object:
    return run(of, "flaky").calls[call].value.json_value


def test_a_call_goes_to_its_target_once() -> None:
    of, one = at_work()
    command = ListDataSets(reply_to=ReplyTo(incident=ID, run=one.id, call="list"))
    target = Target(context=Context.DATASETS, key=ID)
    request = RequestCall(one.id, 1, "list", "data.list", target=target, command=command)
    of.when(request).then(e.CallRequested, Send(Context.DATASETS, ID, command))
    assert run(of, "flaky").waits
    of.when(request).then()


def test_the_first_answer_counts_and_late_ones_change_nothing() -> None:
    of, one = at_work()
    of.when(RequestCall(one.id, 1, "x", "x"))
    of.when(e.AnswerCall(run=one.id, call="x", value=Document(json_value=1))).then(e.CallAnswered)
    of.when(e.AnswerCall(run=one.id, call="x", value=Document(json_value=2))).then()
    of.when(e.AnswerCall(run=one.id, call="never asked")).then()
    of.when(e.AnswerCall(run=UUID(int=9), call="x")).then()
    assert answered(of, "x") == 1


def test_a_step_is_recorded_once() -> None:
    of, one = at_work()
    first = RecordStep(one.id, 1, "f", "step f", Document(json_value=1))
    second = RecordStep(one.id, 1, "f", "step f", Document(json_value=2))
    of.when(first).then(e.CallAnswered).when(second).then()
    assert answered(of, "f") == 1


def test_the_clock_ends_a_sleep() -> None:
    of, one = at_work()
    of.when(sleeps(one, 30)).then(e.CallRequested)
    assert of.manager.due(incident(of)) == NOW + 30
    of.later(29).when(LookAtClock()).then()
    of.later(1).when(LookAtClock()).then(e.CallAnswered)
    assert of.manager.due(incident(of)) is None


def test_any_number_of_calls_that_are_due_is_answered_in_portions() -> None:
    of, one = at_work()
    long = Document(json_value="x" * (INLINE_BYTES - 10))
    for number in range(20):
        of.later(0.1).when(replace(asks(one, 10), call=f"ask {number}", otherwise=long))
    answers = [effect for each in of.later(10).when(LookAtClock()).portions() for effect in each]
    told = [effect.call for effect in answers if isinstance(effect, e.CallAnswered)]
    assert told == [f"ask {number}" for number in range(20)]


def test_a_person_chooses() -> None:
    of, one = at_work()
    of.when(asks(one)).then(e.CallRequested)
    question = question_id(one.id, "ask")
    of.when(e.AnswerQuestion(question=question, choice="run")).rejected("go, wait")
    of.when(e.AnswerQuestion(question=question, choice="go")).then(e.CallAnswered)
    assert answered(of, "ask") == "go"
    of.when(e.AnswerQuestion(question=question, choice="wait")).rejected("nobody waits")
    of.later(60).when(LookAtClock()).then()


def test_without_a_person_the_clock_chooses() -> None:
    of, one = at_work()
    of.when(asks(one)).later(60).when(LookAtClock()).then(e.CallAnswered)
    assert answered(of, "ask") == "wait"


def test_a_question_of_a_failed_attempt_is_asked_anew() -> None:
    of, one = at_work()
    of.when(asks(one)).when(FailRun(one.id, 1, "no")).later(3).when(LookAtClock())
    again = run(of, "flaky")
    assert not again.calls
    of.when(asks(again)).then(e.CallRequested)
    assert of.manager.due(incident(of)) == NOW + 63


def test_a_call_of_another_attempt_is_refused() -> None:
    of, one = at_work()
    of.when(RequestCall(one.id, 2, "x", "x")).rejected("not current")
    of.when(RecordStep(one.id, 2, "f", "f", Document())).rejected("not current")
