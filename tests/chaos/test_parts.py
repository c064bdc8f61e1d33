"""Every part a process of its own, killed at random and replaced by another."""

import random
import signal
import socket
import time

from deploy.parts import ALL, Part
from tests.chaos.player import Told
from tests.chaos.rig import WITHIN, Forked, Rig, require_as_if_nothing_had_happened, rigged

KILLS = 10


def test_each_part_in_a_process_of_its_own(database_url: str, undisturbed: Told) -> None:
    with rigged({"VESTEC_LOG": database_url}) as rig:
        site = PartsSite(rig)
        told = rig.start_elsewhere(site.url).told()
        assert rig.starts() == dict.fromkeys(told.simulations, 1)
        site.end()
        require_as_if_nothing_had_happened(rig, told, undisturbed)


def test_parts_are_killed_at_random_moments(database_url: str, undisturbed: Told) -> None:
    lot, kills = random.Random(11), 0
    while kills < KILLS:
        with rigged({"VESTEC_LOG": database_url}) as rig:
            site = PartsSite(rig)
            playing = rig.start_elsewhere(site.url)
            while not playing.ends(lot.uniform(0.2, 1.5)):
                kills += kills < KILLS and site.replace(lot.choice(sorted(ALL)))
            told = playing.told()
            assert rig.starts() == dict.fromkeys(told.simulations, 1)
            site.end()
            require_as_if_nothing_had_happened(rig, told, undisturbed)


class PartsSite:
    """A process for each part."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._port = rig, _free_port()
        self._processes = {part: self._start(part) for part in ALL}

    @property
    def url(self) -> str:
        """Where pushes go to."""
        return f"http://127.0.0.1:{self._port}"

    def replace(self, part: Part) -> bool:
        """Kill the process of a part and start another one."""
        self._processes[part].send(signal.SIGKILL)
        assert self._processes[part].ended_by(signal.SIGKILL)
        self._processes[part] = self._start(part)
        return True

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
