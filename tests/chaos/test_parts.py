"""Every part a process of its own, killed at random and replaced by another.

`make chaos` plays more rounds.
"""

import os
import random
from collections import Counter
from collections.abc import Mapping

import pytest

from deploy.parts import ALL, Part
from tests.chaos.parts import played
from tests.chaos.player import Told
from tests.chaos.rig import rigged

ROUNDS = int(os.environ.get("VESTEC_CHAOS_ROUNDS", "1"))
KILLS = 10
"""Of a round."""

Environment = Mapping[str, str]


@pytest.fixture(params=["postgres", "kafka"])
def engine(request: pytest.FixtureRequest, database_url: str) -> Environment:
    """The settings of a system on either engine of the log."""
    if request.param == "postgres":
        return {"VESTEC_LOG": database_url}
    return {"VESTEC_LOG": request.getfixturevalue("kafka_url"), "VESTEC_DATABASE": database_url}


def test_each_part_in_a_process_of_its_own(engine: Environment, undisturbed: Told) -> None:
    with rigged(engine) as rig, played(rig, undisturbed):
        pass


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_parts_are_killed_at_random_moments(
    seed: int, engine: Environment, undisturbed: Told
) -> None:
    lot, kills = random.Random(seed), Counter[Part]()
    with rigged(engine) as rig, played(rig, undisturbed) as (site, playing):
        while kills.total() < KILLS and not playing.ends(lot.uniform(0.2, 1.5)):
            part = lot.choice(sorted(ALL))
            site.replace(part)
            kills[part] += 1
    assert kills.total() >= KILLS / 2, "it ended too soon to show anything"
    killed = ", ".join(f"{part} {count}" for part, count in sorted(kills.items()))
    print(
        f"{kills.total()} kills ({killed}): every message was delivered once, each of"
        f" {len(undisturbed.simulations)} jobs was submitted and started once, and all data sets"
        " are there"
    )
