"""A disk is full in the midst of an incident: the system says so, waits, and goes on with room."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from deploy.kafka import KafkaMissing, running_cluster
from tests.chaos.parts import DEADLINE, LONG, on_kafka, played
from tests.chaos.player import INCIDENT, Told
from tests.chaos.rig import eventually, jobs_started, rigged
from tests.disks import fill_write_ahead_log, small_disk
from tests.room import short_folder
from tests.without import must_have

FULL = "The disk of the database is full"
BLANKS = b" " * 50_000
"""A push that asks for nothing, and needs room in the log."""


class Embedded:
    """The server of a data folder, which a process of its own runs; `url` is where."""

    def __init__(self, log: Path) -> None:
        self._log, self.url = log, ""

    @classmethod
    @contextmanager
    def running(cls, folder: Path, log: Path) -> Iterator[Self]:
        server = cls(log)
        command = [sys.executable, "-m", "deploy.embedded", str(folder)]
        with (
            log.open("wb") as said,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process,
        ):
            try:
                assert process.stdout
                server.url = process.stdout.readline().strip()
                yield server
            finally:
                process.terminate()

    def said(self) -> str:
        return self._log.read_text()


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name, for sockets lie below."""
    with short_folder() as folder:
        yield folder


async def test_the_disk_of_the_embedded_server_is_full(folder: Path, undisturbed: Told) -> None:
    """At first it refuses what is new; then it has no room for its write-ahead log and ends."""
    with (
        small_disk(folder / "disk", 200) as disk,
        Embedded.running(disk.folder / "data", folder / "log") as server,
    ):
        environment = {"VESTEC_LOG": server.url, "VESTEC_APPEND_DEADLINE": str(DEADLINE)}
        with rigged(environment) as rig:
            rig.hold.touch()
            with played(rig, undisturbed) as (site, playing):
                eventually("the first burst is computed", jobs_started(rig, 2))
                disk.fill()
                eventually("a push is told so", lambda: FULL in push(site.url))
                assert FULL in health(site.url)["writes"]
                await fill_write_ahead_log(server.url)
                rig.hold.unlink()
                again = "could not be started again"
                eventually("it does not come back", lambda: again in server.said())
                eventually("it says why", lambda: "No space left on device" in server.said())
                assert not playing.ends(LONG)
                disk.make_room()


async def test_the_disk_of_the_broker_is_full(
    folder: Path, database_url: str, undisturbed: Told
) -> None:
    """It ends, and is started by somebody who has made room."""
    with small_disk(folder / "disk", 100) as disk:
        with must_have("Kafka", KafkaMissing):
            cluster = running_cluster(disk.folder)
            running = await cluster.__aenter__()
        try:
            (node,) = running.nodes
            environment = await on_kafka(running.url, database_url)
            with rigged(environment) as rig:
                rig.hold.touch()
                with played(rig, undisturbed) as (_, playing):
                    eventually("the first burst is computed", jobs_started(rig, 2))
                    disk.fill()
                    eventually("the broker ends", lambda: node.ended)
                    rig.hold.unlink()
                    assert not playing.ends(LONG)
                    disk.make_room()
                    node.start()
                    await running.ready()
        finally:
            await cluster.__aexit__(None, None, None)


def push(url: str) -> str:
    """What a push is answered."""
    request = urllib.request.Request(f"{url}/EDI/readings{INCIDENT}", BLANKS)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            said: bytes = answer.read()
    except urllib.error.HTTPError as error:
        said = error.read()
    return said.decode()


def health(url: str) -> dict[str, str]:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
            said: dict[str, str] = json.load(answer)
    except urllib.error.HTTPError as error:  # what is slow besides
        said = json.load(error)
    return said
