"""What keeps the demonstration waiting: mostly a disk without room."""

import shutil
from pathlib import Path

import aiohttp
from pydantic import BaseModel, ValidationError

from deploy.system import System
from interfaces.gateway.health import Health

_NEEDED = 1 << 24
"""Bytes that PostgreSQL takes for the next piece of its write-ahead log."""
_ANSWERS_WITHIN = aiohttp.ClientTimeout(total=5)


class _Problem(BaseModel):
    detail: str


async def hindrance(system: System) -> str:
    """Why nothing goes on, in a sentence; empty where all is well."""
    data = system.storage.settings.data
    return _without_room(data) or await _hindered(f"{system.url}/health")


def _without_room(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free >= _NEEDED:
        return ""
    return f"the disk of {folder.absolute()} is full (less than {_NEEDED >> 20} MiB): make room"


async def _hindered(url: str) -> str:
    """As its system says itself."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_ANSWERS_WITHIN) as session,
            session.get(url) as answer,
        ):
            said = await answer.read()
        if answer.status == 200:
            return _of(Health.model_validate_json(said))
        return _Problem.model_validate_json(said).detail
    except (aiohttp.ClientError, TimeoutError, ValidationError) as error:
        return f"the system does not say how it is: {error or 'no answer'}"


def _of(health: Health) -> str:
    if health.writes != "ok":
        return health.writes
    failing = [
        f"{name}: {failure.reason}"
        for name, part in health.parts.items()
        for failure in part.failing.values()
    ]
    return failing[0] if failing else ""
