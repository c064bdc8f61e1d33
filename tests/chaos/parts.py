"""A system whose parts are processes of their own, as many of a part as a test wants."""

import json
import signal
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.error import HTTPError

from deploy.engines import open_log
from deploy.parts import ALL, Part, Parts
from deploy.ports import free_ports
from interfaces.gateway import PartHealth
from managers.everyone import declare_topics
from tests.chaos.player import Told
from tests.chaos.rig import (
    LEASE,
    Forked,
    Playing,
    Rig,
    eventually,
    require_as_if_nothing_had_happened,
)
from tests.patience import PATIENCE

DEADLINE = 3.0
"""Seconds that a call to the log may take: short, as leases are."""
LONG = LEASE + DEADLINE + 1.0
"""Seconds: longer than a session, and than any call to the log."""


class PartProcess:
    """One process of a part."""

    def __init__(self, rig: Rig, part: Part, port: int) -> None:
        self.part, self.port = part, port
        name = f"{part}-{time.monotonic_ns()}"
        self.process: Forked = rig.serve_parts(name, frozenset({part}), port)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def health(self) -> PartHealth:
        """How it is; as if it did nothing as long as it does not say."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
                said = json.load(answer)
        except HTTPError as error:  # its storage is away, or slow
            said = json.load(error)
        except OSError:
            return PartHealth()
        (part,) = said["parts"].values()
        return PartHealth.model_validate(part)

    def owns(self) -> frozenset[str]:
        """The partitions that it decides about."""
        health = self.health()
        return frozenset(health.owns if health.since else ())

    def is_at_work(self) -> None:
        """Return when it decides about a partition."""
        eventually(f"{self.part} owns a partition", lambda: bool(self.owns()))


class PartsSite:
    """A process for each part to begin with; the rig ends those that nobody ended."""

    def __init__(self, rig: Rig, parts: Parts) -> None:
        self._rig = rig
        self._first = {part: PartProcess(rig, part, *free_ports(1)) for part in parts}
        self._others: list[PartProcess] = []

    def __getitem__(self, part: Part) -> PartProcess:
        """The first process of a part, or what replaced it."""
        return self._first[part]

    @property
    def url(self) -> str:
        """Where pushes go to."""
        return self[Part.EXTERNAL_DATA].url

    def reinforce(self, part: Part) -> PartProcess:
        """Start another process of a part."""
        self._others.append(PartProcess(self._rig, part, *free_ports(1)))
        return self._others[-1]

    def kill(self, part: Part) -> None:
        """The first process of a part."""
        process = self[part].process
        process.send(signal.SIGKILL)
        assert process.ended_by(signal.SIGKILL)

    def replace(self, part: Part) -> None:
        """Kill it and start another one in its place."""
        self.kill(part)
        self._first[part] = PartProcess(self._rig, part, self[part].port)

    def public_stream_at_its_end(self) -> bool:
        """Whether it owns something, and has passed all of that on."""
        stream = self[Part.PUBLIC_STREAM]
        return bool(stream.owns()) and stream.health().behind == 0

    def end(self) -> None:
        """All of them, at once."""
        every = [one.process for one in (*self._first.values(), *self._others)]
        living = [process for process in every if not process.ends(0)]
        for process in living:
            process.send(signal.SIGKILL)
        for process in living:
            assert process.ends(PATIENCE)


@contextmanager
def played(rig: Rig, undisturbed: Told, parts: Parts = ALL) -> Iterator[tuple[PartsSite, Playing]]:
    """The drill, which somebody disturbs within the context; it ends as if nobody had."""
    site = PartsSite(rig, parts)
    playing = rig.start_elsewhere(site.url)
    yield site, playing
    told = playing.told()
    assert rig.starts() == dict.fromkeys(told.simulations, 1)
    if Part.PUBLIC_STREAM in parts:
        eventually("the public stream is at its end", site.public_stream_at_its_end)
    site.end()
    require_as_if_nothing_had_happened(rig, told, undisturbed)


async def on_kafka(url: str, database: str, partitions: int = 4) -> Mapping[str, str]:
    """The settings of a system on a log whose topics are made here, in all the time it takes."""
    log = await open_log(url, deadline=60)
    await declare_topics(log, partitions)
    await log.close()
    return {
        "VESTEC_PARTITIONS": str(partitions),
        "VESTEC_LOG": url,
        "VESTEC_DATABASE": database,
        "VESTEC_APPEND_DEADLINE": str(DEADLINE),
    }
