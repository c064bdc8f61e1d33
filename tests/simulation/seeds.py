"""Many seeds in a row, as the test modules run them."""

from tests.simulation.world import simulate

CHUNK = 250
"""Seeds in one test."""


def run_chunk(first: int) -> None:
    """Run `CHUNK` seeds; raises `AssertionError` that names the first one that failed."""
    counted = dead = 0
    for seed in range(first, first + CHUNK):
        try:
            outcome = simulate(seed)
        except Exception as error:
            raise AssertionError(f"told by `python -m tests.simulation {seed}`") from error
        counted, dead = counted + outcome.counted, dead + outcome.dead
    assert counted > 10 * CHUNK
    assert dead > CHUNK
