"""A process that is stopped until another has taken over, and wakes up when all is done.

Two systems on one log, with the same machine and the same blobs.
"""

import signal
from contextlib import AbstractContextManager

import asyncpg
import pytest

from tests.chaos.player import Told
from tests.chaos.rig import Playing, Rig, eventually, require_as_if_nothing_had_happened, rigged

POINTS = (
    "before append:12",
    "before append:45",
    "before submission:1",
    "after submission:2",
    "after step:1",
    "after stage:2",
    "before fetch:1",
    "before projection moves:30",
)


@pytest.mark.parametrize("point", POINTS)
def test_stopped_at_a_named_moment(point: str, database_url: str, undisturbed: Told) -> None:
    with shared(database_url) as rig:
        first = rig.start("first", VESTEC_STOP_AT=point)
        eventually(f"it is stopped at {point}", first.stopped)
        told = rig.start("second").told()
        assert first.stopped()
        require_nothing_changes(rig, first, told, undisturbed)


@pytest.mark.parametrize("lands", [True, False])
async def test_stopped_inside_an_append(lands: bool, database_url: str, undisturbed: Told) -> None:
    with shared(database_url) as rig:
        first = rig.start("first")
        eventually("a job runs", lambda: bool(rig.starts()))
        holding, watching = [await asyncpg.connect(database_url) for _ in range(2)]
        async with holding.transaction():
            await holding.execute(HOLD)
            while not (appending := await watching.fetch(WAITING)):
                assert not first.ends(0.01), first.said()
            first.send(signal.SIGSTOP)
            second = rig.start("second")
            while not lands and await watching.fetchval(ALIVE, [row["pid"] for row in appending]):
                assert not second.ends(0.05), second.said()
        for connection in (holding, watching):
            await connection.close()
        told = second.told()
        assert first.stopped()
        require_nothing_changes(rig, first, told, undisturbed)


HOLD = "SELECT FROM vestec_log.heads WHERE topic = 'vestec.incidents.events' FOR UPDATE"
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%heads SET next%'
"""
"""Appends that have reached the server and wait there."""
ALIVE = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)"
"""The taker ends them, if they have not landed by then."""


def shared(url: str) -> AbstractContextManager[Rig]:
    """A rig for several systems on one log."""
    return rigged({"VESTEC_LOG": url})


def require_nothing_changes(rig: Rig, first: Playing, told: Told, undisturbed: Told) -> None:
    """Awake again, the first one sees the same ending, and leaves everything as it is."""
    first.send(signal.SIGCONT)
    assert first.told() == told == rig.start("third").told()
    assert sorted(told.simulations.values()) == sorted(undisturbed.simulations.values())
    assert rig.starts() == dict.fromkeys(told.simulations, 1)
    require_as_if_nothing_had_happened(rig, told, undisturbed)
