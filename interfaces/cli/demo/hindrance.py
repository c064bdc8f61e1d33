"""What keeps the demonstration waiting: mostly a disk without room."""

import shutil
import time
from pathlib import Path

import aiohttp
from pydantic import ValidationError

from deploy.system import System
from interfaces.gateway.health import Health

_NEEDED = 1 << 24
"""Bytes that PostgreSQL takes for the next piece of its write-ahead log."""
_LATELY = 10.0
"""Seconds for which nobody tries again, at most."""
_ANSWERS_WITHIN = aiohttp.ClientTimeout(total=5)


class Hindrance:
    """Of one system, as its folder and its `/health` have it."""

    def __init__(self, system: System) -> None:
        self._data, self._url = system.storage.settings.data, f"{system.url}/health"
        self._failing: dict[tuple[str, str], tuple[int, float]] = {}

    async def now(self) -> str:
        """Why nothing goes on, in a sentence; empty where all is well."""
        return _without_room(self._data) or await self._told()

    async def _told(self) -> str:
        try:
            async with (
                aiohttp.ClientSession(timeout=_ANSWERS_WITHIN) as session,
                session.get(self._url) as answer,
            ):
                said = await answer.read()
            return self.of(Health.model_validate_json(said), time.monotonic())
        except (aiohttp.ClientError, TimeoutError, ValidationError) as error:
            return f"the system does not say how it is: {error or 'no answer'}"

    def of(self, health: Health, now: float) -> str:
        """Storage that is away, writes that are not kept, or a part that has failed again lately.

        `now` is in seconds.
        """
        for hindered in (health.storage, health.writes):
            if hindered != "ok":
                return hindered
        found = ""
        for name, part in health.parts.items():
            for what, failure in part.failing.items():
                times, since = self._failing.get((name, what), (0, 0.0))
                if failure.times != times:
                    self._failing[name, what] = failure.times, (since := now)
                if now < since + _LATELY:
                    found = f"{name}: {' '.join(failure.reason.split())}"
        return found


def _without_room(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free >= _NEEDED:
        return ""
    return f"the disk of {folder.absolute()} is full (less than {_NEEDED >> 20} MiB): make room"
