"""The command `vestec demo wildfire`."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count

from rich.console import Console

from bus.tasks import end
from deploy.embedded import FolderInUse
from deploy.settings import Settings
from deploy.storage import open_storage
from deploy.system import System, running_system
from interfaces.cli.demo.hindrance import Hindrance
from interfaces.cli.demo.player import Player, load_progress, save_progress
from interfaces.cli.demo.result import summary
from interfaces.cli.demo.show import Show, tell
from interfaces.cli.demo.story import chapters, incident_id
from projections.database import UNAVAILABLE

CHAPTER_WITHIN = 300.0
_REFRESH, _WHY = 0.5, 4
"""Seconds between two looks, and at how many of them it is asked once what hinders."""


async def demonstrate(settings: Settings, *, stay: bool, as_json: bool) -> None:
    """Play the story, show what came of it, and with `stay` go on serving until interrupted.

    Raises `DemoFailed`. Interrupted, the same call goes on with the same incident.
    """
    began = time.monotonic()
    console = Console(stderr=as_json)
    progress = load_progress(settings.data)
    save_progress(settings.data, progress)
    incident = incident_id(progress.count)
    async with _system(settings) as system:
        await _play(Player(system, incident, CHAPTER_WITHIN), Show(console))
        result = await summary(system, incident, began)
        if as_json:
            json.dump(result, sys.stdout, indent=2)
            print(flush=True)
        else:
            tell(console, result, system.url, str(settings.data / "demo" / incident))
        save_progress(settings.data, progress.model_copy(update={"shown": True}))
        if stay:
            console.print("It goes on serving until Ctrl-C.")
            with suppress(asyncio.CancelledError):  # all is done: to be asked to end is no failure
                await asyncio.Event().wait()


async def _play(player: Player, show: Show) -> None:
    with show.on():
        watching = asyncio.create_task(watch(player, show))
        try:
            show.begin("a machine, an incident and its endpoints")
            await player.set_up()
            show.end([])
            for chapter in chapters():
                show.begin(chapter.title)
                await player.play(chapter)
                show.end(await player.simulations())
        finally:
            await end(watching)
            if not watching.cancelled():
                watching.result()


async def watch(player: Player, show: Show) -> None:
    """Show how simulations go on, and what keeps them from it, until cancelled."""
    hindrance = Hindrance(player.system)
    for look in count():
        with suppress(*UNAVAILABLE):
            show.see(await player.simulations())
        if look % _WHY == 0:
            show.hinder(await hindrance.now())
        await asyncio.sleep(_REFRESH)


@asynccontextmanager
async def _system(settings: Settings) -> AsyncIterator[System]:
    """The system that runs in the folder already, or one of our own."""
    try:
        async with running_system(settings) as system:
            yield system
    except FolderInUse as used:
        if used.address is None or used.address.url is None:
            raise
        async with open_storage(settings) as storage:
            yield System(used.address.url, storage)
