"""The protocol holds, whatever goes wrong: the first half of the seeds.

The other half is a module of its own, so that two workers share them.
"""

import pytest

from tests.simulation.seeds import CHUNK, run_chunk


@pytest.mark.parametrize("first", range(0, 5000, CHUNK))
def test_the_protocol_holds(first: int) -> None:
    run_chunk(first)
