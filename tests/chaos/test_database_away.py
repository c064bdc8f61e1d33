"""PostgreSQL is stopped, or dies, and comes back: the system waits and goes on."""

import asyncio
from typing import Literal

import pytest

from tests.chaos.parts import LONG, on_kafka, played
from tests.chaos.player import Told
from tests.chaos.rig import eventually, jobs_started, require_as_if_nothing_had_happened, rigged
from tests.servers import MortalServer, mortal_server

__all__ = ["mortal_server"]

AWAY = 3.0
"""Seconds; longer than a lease."""


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_the_database_is_away_for_a_while(
    how: Literal["stopped", "killed"], mortal_server: MortalServer, undisturbed: Told
) -> None:
    with rigged({"VESTEC_LOG": mortal_server.url}) as rig:
        playing = rig.start()
        for moment in (jobs_started(rig, 1), jobs_started(rig, 3)):
            eventually("jobs run", moment)
            if how == "killed":
                mortal_server.kill()
            await mortal_server.stop()
            await asyncio.sleep(AWAY)
            await mortal_server.start()
        told = playing.told()
        assert rig.starts() == dict.fromkeys(told.simulations, 1)
        require_as_if_nothing_had_happened(rig, told, undisturbed)


async def test_the_read_models_are_away_under_a_log_on_kafka(
    kafka_url: str, mortal_server: MortalServer, undisturbed: Told
) -> None:
    """With each part in a process of its own; first stopped in order, then killed."""
    environment = await on_kafka(kafka_url, mortal_server.url)
    with rigged(environment) as rig, played(rig, undisturbed) as (_, playing):
        for kill in (False, True):
            eventually("jobs run", jobs_started(rig, 3 if kill else 1))
            if kill:
                mortal_server.kill()
            await mortal_server.stop()
            assert not playing.ends(LONG)
            await mortal_server.start()
