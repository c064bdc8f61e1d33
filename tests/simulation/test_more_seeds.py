"""The protocol holds, whatever goes wrong: the second half of the seeds."""

import pytest

from tests.simulation.seeds import CHUNK, run_chunk


@pytest.mark.parametrize("first", range(5000, 10_000, CHUNK))
def test_the_protocol_holds(first: int) -> None:
    run_chunk(first)
