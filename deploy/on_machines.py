"""What works on machines: hands, their manners, and this process as machines name it."""

import math
from functools import partial

from deploy.storage import Storage
from events.machines import MachineSettings
from interfaces.machines.registry import connect
from interfaces.machines.work.agents import Agent
from interfaces.machines.work.hands import Fetching, MachineHands
from interfaces.machines.work.machine import Manners
from managers.operations import operations_manager
from managers.runtime import Surroundings
from projections.machines import list_machines
from projections.processes import agents_alive

COMMANDS = 600
"""In any minute, on a machine that says nothing of it and is not this computer."""
SUBMISSIONS = 120
"""Of them."""
WISHES = 6
"""Questions to the scheduler in the time of one, where people wish to know sooner."""


def hands_on_machines(storage: Storage, around: Surroundings) -> MachineHands:
    """Everything that is done on the machines that this process works on."""
    settings = storage.settings
    return MachineHands(
        storage.blobs,
        connect,
        partial(manners_of, look=settings.look, ask=settings.ask),
        Fetching(settings.result_limit, settings.result_deadline),
        around.chance,
        partial(agents_alive, storage.pool),
        wall=around.wall,
    )


def manners_of(machine: MachineSettings, *, look: float, ask: float) -> Manners:
    """How often a machine is asked; one that is this very computer may be asked more often."""
    limits, here = machine.limits, machine.connection == "local"
    asks = limits.ask or (min(ask, 5.0) if here else ask)
    return Manners(
        look=min(look, 0.2) if here else look,
        ask=max(asks, limits.ask_least),
        wish=asks / WISHES,
        ask_least=limits.ask_least,
        commands=limits.commands or (math.inf if here else COMMANDS),
        submissions=limits.submissions or (math.inf if here else SUBMISSIONS),
    )


def machine_agent(storage: Storage, around: Surroundings, on_machines: MachineHands) -> Agent:
    """This process as machines name it, not running yet."""

    async def machines() -> list[MachineSettings]:
        return [machine.settings for machine in await list_machines(storage.pool)]

    manager = operations_manager(on_machines.begin)
    return Agent(storage.settings.agent, manager, around, machines)
