"""`kill -9` of the process alone: its database and its jobs go on, and the next one adopts both."""

import random
import signal

import pytest

from tests.chaos.player import Told
from tests.chaos.rig import (
    Playing,
    play_under_fire,
    require_as_if_nothing_had_happened,
    rigged,
)

KILLS = 20
SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments(seed: int, undisturbed: Told) -> None:
    lot, kills = random.Random(seed), 0

    def kill(playing: Playing) -> None:
        nonlocal kills
        kills += 1
        playing.send(signal.SIGKILL)

    while kills < KILLS // len(SEEDS):
        with rigged() as rig:
            told = play_under_fire(rig, iter(lambda: lot.uniform(0.3, 4.0), None), kill)
            assert len(told.simulations) == len(undisturbed.simulations)
            require_as_if_nothing_had_happened(rig, told, undisturbed)
