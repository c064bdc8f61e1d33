"""`kill -9` of the process, its database and its jobs at once, as when the machine loses power.

Jobs are lost with the machine then; who waits for one makes it again, as another simulation.
"""

import random

import pytest

from tests.chaos.player import Told
from tests.chaos.rig import WITHIN, Rig, require_as_if_nothing_had_happened, rigged

KILLS = 20
SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments(seed: int, undisturbed: Told) -> None:
    lot, kills = random.Random(100 + seed), 0
    while kills < KILLS // len(SEEDS):
        with rigged() as rig:
            while (told := _play_for(rig, lot.uniform(0.5, 5.0))) is None:
                kills += 1
            require_as_if_nothing_had_happened(rig, told, undisturbed)


def _play_for(rig: Rig, seconds: float) -> Told | None:
    """Kill everything after a while, unless it has played to the end by then."""
    process = rig.start()
    if process.ends(seconds):
        return process.told()
    rig.kill_everything()
    process.ends(WITHIN)
    return None
