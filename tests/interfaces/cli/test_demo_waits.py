"""A demonstration that cannot go on says why."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from deploy.settings import Settings
from deploy.system import running_system
from interfaces.cli.demo.hindrance import Hindrance
from interfaces.cli.demo.player import Player
from interfaces.cli.demo.playing import watch
from interfaces.cli.demo.show import Show
from interfaces.gateway.health import Health
from interfaces.gateway.surroundings import Failing, PartHealth
from tests.disks import small_disk
from tests.room import short_folder

WITHIN = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


async def test_a_full_disk_is_told_and_that_it_goes_on(folder: Path) -> None:
    said = StringIO()

    async def until(words: str) -> None:
        async with asyncio.timeout(WITHIN):
            while words not in said.getvalue():
                await asyncio.sleep(0.05)

    with small_disk(folder / "disk", 300) as disk:
        data = disk.folder / "data"
        async with running_system(Settings(data=data, port=0)) as system:
            show = Show(Console(file=said, width=40))
            watching = asyncio.create_task(watch(Player(system, "none", WITHIN), show))
            disk.fill()
            await until(f"waits: the disk of {data} is full")
            disk.make_room()
            await until("goes on")
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    assert said.getvalue().count("is full") == said.getvalue().count("goes on") == 1


def test_the_live_table_tells_it_too() -> None:
    said = StringIO()
    show = Show(Console(file=said, width=100, force_terminal=True))
    with show.on():
        show.begin("somebody reports a fire")
        show.hinder("the disk of [/data] is full")
    assert "waits: the disk of [/data] is full" in said.getvalue()


async def test_of_a_disk_elsewhere_the_system_tells(folder: Path) -> None:
    async with running_system(Settings(data=folder / "data", port=0)) as system:
        hindrance = Hindrance(system)
        async with asyncio.timeout(WITHIN):
            while await hindrance.now():  # it has hardly begun
                await asyncio.sleep(0.1)
    failing = Failing(reason="No space\nleft", since=datetime.now(UTC), times=3)
    parts = {"projections": PartHealth(failing={"worker": failing})}
    health = Health(status="degraded", parts=parts, projections={})
    assert hindrance.of(health.model_copy(update={"writes": "The disk is full"}), 0) != ""
    assert hindrance.of(health, 100) == hindrance.of(health, 105) == "projections: No space left"
    assert hindrance.of(health, 115) == ""
    failing.times = 4
    assert hindrance.of(health, 120) == "projections: No space left"
