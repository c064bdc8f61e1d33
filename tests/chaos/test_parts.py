"""Every part a process of its own, killed at random and replaced by another.

`make chaos` plays more rounds, each time others.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping

import pytest

from deploy.engines import is_kafka, open_log
from deploy.parts import ALL, Part
from interfaces.public.cloud_events import TOPIC
from tests.chaos.parts import played
from tests.chaos.player import Told
from tests.chaos.rig import rigged
from tests.contract.log_contract import read_all

ROUNDS = int(os.environ.get("VESTEC_CHAOS_ROUNDS", "1"))
SEED = int(os.environ.get("VESTEC_CHAOS_SEED", "0"))
"""Of the first round: the same kills the same parts after the same pauses."""
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


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
def test_parts_are_killed_at_random_moments(
    seed: int, engine: Environment, undisturbed: Told
) -> None:
    lot, kills = random.Random(seed), Counter[Part]()
    parts = ALL | {Part.PUBLIC_STREAM} if is_kafka(engine["VESTEC_LOG"]) else ALL
    with rigged(engine) as rig, played(rig, undisturbed, parts) as (site, playing):
        while kills.total() < KILLS and not playing.ends(lot.uniform(0.2, 1.5)):
            part = lot.choice(sorted(parts))
            site.replace(part)
            kills[part] += 1
    assert kills.total() >= KILLS / 2, "it ended too soon to show anything"
    if Part.PUBLIC_STREAM in parts:
        told = asyncio.run(told_outside(engine["VESTEC_LOG"]))
        assert told["vestec.incident.created.v1"] == told["vestec.incident.ended.v1"] == 1
        assert told["vestec.data-set.registered.v1"] == len(undisturbed.data_sets)
    killed = ", ".join(f"{part} {count}" for part, count in sorted(kills.items()))
    print(
        f"seed {seed}: {kills.total()} kills ({killed}): every message was delivered once, each of"
        f" {len(undisturbed.simulations)} jobs was submitted and started once, and all data sets"
        " are there"
    )


async def told_outside(url: str) -> Counter[str]:
    """How many events of each type the public stream has, repeated ones counted once."""
    log = await open_log(url)
    types: dict[str, str] = {}
    for partition in range(await log.partitions(TOPIC)):
        for stored in await read_all(log, TOPIC, partition):
            types[stored.record.headers["ce_id"]] = stored.record.headers["ce_type"]
    await log.close()
    return Counter(types.values())
