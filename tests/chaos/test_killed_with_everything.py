"""`kill -9` of the process, its database and its jobs at once, as when the machine loses power.

Jobs are lost with the machine then; who waits for one makes it again, as another simulation.
"""

import random

import pytest

from tests.chaos.player import Told
from tests.chaos.rig import (
    Playing,
    Rig,
    play_under_fire,
    require_as_if_nothing_had_happened,
    rigged,
)

KILLS = 20
SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments(seed: int, undisturbed: Told) -> None:
    lot, kills = random.Random(100 + seed), 0
    while kills < KILLS // len(SEEDS):
        with rigged() as rig:

            def kill(_playing: Playing, rig: Rig = rig) -> None:
                nonlocal kills
                kills += 1
                rig.kill_everything()

            told = play_under_fire(rig, iter(lambda: lot.uniform(0.5, 5.0), None), kill)
            require_as_if_nothing_had_happened(rig, told, undisturbed)
