"""Killed at every moment that has a name: between announcing, acting and concluding."""

import signal

import pytest

from tests.chaos.player import Told
from tests.chaos.rig import Rig, require_as_if_nothing_had_happened

POINTS = {
    "after takeover": (1, 7),
    "before append": (1, 9, 40),
    "after append": (1, 9, 40),
    "after effect": (2, 10),
    "before submission": (1, 2),
    "after submission": (1, 2),
    "before fetch": (1, 2),
    "before blob is named": (1, 2),
    "after fetch": (1, 2),
    "before cancel": (1,),
    "after cancel": (1,),
    "before push is kept": (1, 3),
    "after push is kept": (1, 3),
    "after step": (1, 2),
    "after stage": (1, 4),
    "before projection moves": (1, 40),
    "after projection moves": (1, 40),
}
"""Names, and the how-manieth time each; one incident is killed at all times of a name in turn."""


@pytest.mark.parametrize("name", POINTS)
def test_killed_at_a_named_moment(name: str, rig: Rig, undisturbed: Told) -> None:
    for nth in POINTS[name]:
        process = rig.start(VESTEC_CRASH_AT=f"{name}:{nth}")
        assert process.ended_by(signal.SIGKILL), f"not killed: {process.said()}"
    told = rig.start().told()
    assert sorted(told.simulations.values()) == sorted(undisturbed.simulations.values())
    assert rig.starts() == dict.fromkeys(told.simulations, 1)
    require_as_if_nothing_had_happened(rig, told, undisturbed)
