"""Every part a process of its own, killed at random and replaced by another.

`make chaos` plays more rounds.
"""

import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Mapping

import pytest

from deploy.parts import ALL, Part
from tests.chaos.player import Told
from tests.chaos.rig import WITHIN, Forked, Rig, require_as_if_nothing_had_happened, rigged

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
    with rigged(engine) as rig:
        site = PartsSite(rig)
        told = rig.start_elsewhere(site.url).told()
        assert rig.starts() == dict.fromkeys(told.simulations, 1)
        site.end()
        require_as_if_nothing_had_happened(rig, told, undisturbed)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_parts_are_killed_at_random_moments(
    seed: int, engine: Environment, undisturbed: Told
) -> None:
    lot, kills = random.Random(seed), Counter[Part]()
    with rigged(engine) as rig:
        site = PartsSite(rig)
        playing = rig.start_elsewhere(site.url)
        while kills.total() < KILLS and not playing.ends(lot.uniform(0.2, 1.5)):
            part = lot.choice(sorted(ALL))
            site.replace(part)
            kills[part] += 1
        told = playing.told()
        assert rig.starts() == dict.fromkeys(told.simulations, 1)
        site.end()
        require_as_if_nothing_had_happened(rig, told, undisturbed)
    assert kills.total() >= KILLS / 2, "it ended too soon to show anything"
    killed = ", ".join(f"{part} {count}" for part, count in sorted(kills.items()))
    print(
        f"{kills.total()} kills ({killed}): every message was delivered once, each of"
        f" {len(told.simulations)} jobs was submitted and started once, and all data sets are there"
    )


class PartsSite:
    """A process for each part."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._port = rig, _free_port()
        self._processes = {part: self._start(part) for part in ALL}

    @property
    def url(self) -> str:
        """Where pushes go to."""
        return f"http://127.0.0.1:{self._port}"

    def replace(self, part: Part) -> None:
        """Kill the process of a part and start another one."""
        self._processes[part].send(signal.SIGKILL)
        assert self._processes[part].ended_by(signal.SIGKILL)
        self._processes[part] = self._start(part)

    def end(self) -> None:
        """All of them, at once."""
        for process in self._processes.values():
            process.send(signal.SIGKILL)
        for process in self._processes.values():
            assert process.ends(WITHIN)

    def _start(self, part: Part) -> Forked:
        name = f"{part}-{time.monotonic_ns()}"
        return self._rig.serve_parts(
            name, frozenset({part}), self._port if part is Part.EXTERNAL_DATA else 0
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
