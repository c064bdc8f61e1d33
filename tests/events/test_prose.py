"""What people write and exceptions say is never too long, nor unwritable, for an event."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from events.envelope import Rejection
from events.prose import PROSE_CHARACTERS, TRACEBACK_CHARACTERS, Prose, Traceback
from tests.events.golden_log import command_types, event_types

WRITTEN_BY_PEOPLE = {"reason", "error", "traceback", "text", "comment", "explanation", "question"}

cut = TypeAdapter(Prose).validate_python
cut_before = TypeAdapter(Traceback).validate_python

any_text = st.text(st.characters(exclude_categories=()), max_size=50)


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """The fields of a model and of all models in it that hold what people write."""
    for name, field in model.model_fields.items():
        hint: Any = field.annotation
        if name in WRITTEN_BY_PEOPLE and hint is not UUID:
            hint = Annotated[hint, *field.metadata] if field.metadata else hint
            yield f"{model.__name__}.{name}", hint
        for inner in _models(field.annotation):
            yield from _fields(inner)


def _models(hint: Any) -> Iterator[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    for part in get_args(hint):
        yield from _models(part)


MODELS: list[type[BaseModel]] = [*event_types(), *command_types(), Rejection]
FIELDS = {name: hint for model in MODELS for name, hint in _fields(model)}


REFUSED_WHEN_LONG = {"SimulationRequest.comment", "JobRequest.comment"}
"""Batch systems take no longer ones."""


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - REFUSED_WHEN_LONG))
def test_a_long_text_is_cut(name: str) -> None:
    kept = TypeAdapter(FIELDS[name]).validate_python("x" * 1_000_000)
    assert len(kept) <= TRACEBACK_CHARACTERS


@pytest.mark.parametrize("name", sorted(REFUSED_WHEN_LONG))
def test_a_comment_for_a_batch_system_is_refused_when_long(name: str) -> None:
    with pytest.raises(ValidationError, match="at most"):
        TypeAdapter(FIELDS[name]).validate_python("x" * 1_000_000)


def test_there_are_such_texts() -> None:
    assert {"StageFailed.traceback", "Note.text", "Rejection.reason", "JobReport.reason"} <= {
        *FIELDS
    }


def test_a_cut_text_says_so_and_how_much_is_gone() -> None:
    said = cut("begin" + "x" * 1_000_000)
    kept, _, sign = said.partition(" … ")
    assert kept == "begin".ljust(len(kept), "x")
    assert sign == f"({1_000_005 - len(kept)} more characters were cut)"
    assert len(said) <= PROSE_CHARACTERS < len(said) + 30


def test_of_a_traceback_the_end_is_kept() -> None:
    said = cut_before("x" * 1_000_000 + "ValueError: no")
    assert len(said) <= TRACEBACK_CHARACTERS
    assert said.endswith("xxxValueError: no")
    assert "characters were cut) … xxx" in said


@given(any_text, st.integers(0, 200), st.sampled_from([cut, cut_before]))
def test_a_text_can_be_written_and_reads_back_the_same(text: str, times: int, of: Any) -> None:
    said = of(text * times)
    assert of(said.encode().decode()) == said


def test_a_short_text_stays_as_it_is() -> None:
    assert cut("wind from the north, 40 km/h · ↑ 🔥") == "wind from the north, 40 km/h · ↑ 🔥"
    assert cut("") == ""


def test_what_no_utf8_can_say_is_escaped() -> None:
    assert cut("no such file: a\udcff.csv") == "no such file: a\\udcff.csv"
