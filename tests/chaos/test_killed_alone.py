"""`kill -9` of the process alone: its database and its jobs go on, and the next one adopts both."""

import random
import signal

import pytest

from tests.chaos.player import Told
from tests.chaos.rig import WITHIN, Rig, require_as_if_nothing_had_happened, rigged

KILLS = 20
SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments(seed: int, undisturbed: Told) -> None:
    lot, kills = random.Random(seed), 0
    while kills < KILLS // len(SEEDS):
        with rigged() as rig:
            while (told := _play_for(rig, lot.uniform(0.3, 4.0))) is None:
                kills += 1
            assert len(told.simulations) == len(undisturbed.simulations)
            require_as_if_nothing_had_happened(rig, told, undisturbed)


def _play_for(rig: Rig, seconds: float) -> Told | None:
    """Kill the process after a while, unless it has played to the end by then."""
    process = rig.start()
    if process.ends(seconds):
        return process.told()
    process.send(signal.SIGKILL)
    process.ends(WITHIN)
    return None
