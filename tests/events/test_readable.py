"""Whatever can be appended can be read back, and is the same then."""

import math
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue, ValidationError

from bus import Record
from bus.clock import timestamp
from events import incidents as e
from events.envelope import Commit, Message, decode, decode_issued, encode
from events.jobs import JobReport, JobState, Token, Witness
from events.values import Context, Document

ID = UUID(int=1)
ODD = [math.nan, math.inf, -math.inf, 1e308, -0.0, 5e-324, 2**63, -(2**64), "\ud800", "\0", ""]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(ODD),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def nested(levels: int) -> JsonValue:
    value: JsonValue = 1
    for _ in range(levels):
        value = [value]
    return value


def commit(value: JsonValue) -> Commit:
    """A value in an event and in a message."""
    body = Document(json_value=value)
    delivery = e.Deliver(delivery=e.Delivery(stage="s", message=body))
    return Commit(
        id=ID,
        time=timestamp(1.7e9),
        key="fire",
        cause="test",
        correlation=ID,
        actor="test",
        events=(e.MessageQueued(message=ID, stage="s", body=body),),
        messages=(Message(context=Context.INCIDENTS, key="fire", command=delivery),),
    )


@given(values)
@example([1, {"x": [math.nan]}])
@example(math.inf)
@example(10**4000)
@example(10**5000)
@example(nested(210))
@example(nested(251))
@example(nested(300))
def test_a_value_is_refused_or_reads_back_the_same(value: JsonValue) -> None:
    try:
        made = commit(value)
        record = encode(made)
    except ValueError:
        return
    assert decode(record) == made


def test_a_number_longer_than_readers_take_is_refused_and_a_text_of_digits_is_not() -> None:
    with pytest.raises(ValueError, match="number out of range"):
        encode(commit([1, {"x": -(10**4300)}]))
    for value in ("7" * 100_000, 10**4299):
        assert decode(encode(commit(value))) == commit(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "made",
    [
        lambda x: e.StageStarted(run=ID, attempt=1, at=x),
        lambda x: e.MessageQueued(message=ID, stage="s", due=x),
        lambda x: e.Delivery(stage="s", after=x),
        lambda x: e.CreateIncident(incident="i", kind="k", name="n", parameters={"a": [x]}),
        lambda x: Document(json_value={"a": {"b": [1, x]}}),
        lambda x: JobReport(
            token=Token("t"), state=JobState.RUNNING, witness=Witness.QUEUE, started=x
        ),
    ],
)
def test_a_number_that_is_not_finite_is_refused_where_it_comes_in(
    made: Callable[[float], BaseModel], number: float
) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        made(number)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_command_from_outside_with_such_a_number_is_malformed(number: str) -> None:
    command = (
        '{"type": "CreateIncident", "incident": "i", "kind": "k", "name": "n",'
        f' "parameters": {{"a": [{number}]}}}}'
    )
    issued = (
        f'{{"id": "{ID}", "time": 1, "actor": "a", "correlation": "{ID}", "command": {command}}}'
    )
    assert decode_issued(Record("k", issued.replace(number, "1e9").encode()))
    with pytest.raises(ValueError, match="finite number"):
        decode_issued(Record("k", issued.encode()))
