"""Plays the drill on a system of its own; played again, it goes on with the same incident."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn
from uuid import UUID, uuid4, uuid5

import aiohttp
import structlog
import uvloop
from pydantic import BaseModel

from deploy.settings import Settings
from deploy.system import System, running_system
from events.incidents import ActivateIncident, CreateIncident, IncidentStatus
from events.jobs import JobState, Token, token_of
from events.machines import FLEET, AddMachine, EnableMachine, MachineSettings
from events.values import Command, Context, IncidentId
from interfaces.issuing import Write, issue
from projections.data_sets import list_data_sets
from projections.database import UNAVAILABLE
from projections.incidents import find_incident
from projections.journal import read_journal
from projections.machines import list_machines
from projections.simulations import list_simulations
from projections.stages import RunStatus, list_stage_runs

NAMES = UUID("0b8e9a54-3f0b-4d7e-9a55-0f5f4d1c9a11")
INCIDENT = str(uuid5(NAMES, "incident"))
BURSTS = (("1", "2 3"), ("4",))
NUMBERS = 4
WITHIN = 60.0
"""Seconds that the incident may take, the takeover after a killed process included."""


class Told(BaseModel):
    """What came of the incident."""

    status: IncidentStatus
    data_sets: list[tuple[str, str]]
    """Names and digests, sorted."""
    simulations: dict[Token, JobState]
    """Tokens and states."""
    cleaned_up: int
    """How often the last stage says that it ran."""


class Player:
    """The drill on a running system."""

    def __init__(self, system: System, witness: Path) -> None:
        self._system, self._witness = system, witness
        self._pool = system.storage.pool

    async def play(data: Path, witness: Path) -> Told:
    """Play the drill on a system in `data`, from wherever it was left."""

    async def main() -> Told:
        async with running_system(Settings(data=data, port=0)) as system:
            return await Player(system, witness).play()

    _log_warnings()
    return uvloop.run(main())


def serve(data: Path) -> NoReturn:
    """Only run a system in `data`; its address lies there."""

    async def main() -> NoReturn:
        async with running_system(Settings(data=data, port=0)):
            await asyncio.Event().wait()
        raise AssertionError("it serves until it is killed")

    _log_warnings()
    uvloop.run(main())


def _log_warnings() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
