"""What is told apart on a machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.jobs import Token, in_part, instance_of, part_of, token_of, whose


@given(st.uuids().map(token_of), st.none() | st.integers(0))
def test_a_part_says_whose_and_which_it_is(token: Token, instance: int | None) -> None:
    part = part_of(token, instance)
    assert (whose(part), instance_of(part)) == (token, instance)


def test_each_instance_has_files_of_its_own() -> None:
    assert [in_part("stderr", part) for part in ("v1", "v1.0", "v1.12")] == [
        "stderr",
        "stderr.0",
        "stderr.12",
    ]


@pytest.mark.parametrize("part", ["v1.", "v1.x", "v1.1.2"])
def test_what_is_no_part_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        instance_of(part)
