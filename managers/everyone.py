"""All managers, with the hands that the composition root gives them."""

from typing import Any

from bus import Log
from events.envelope import commands_topic, events_topic
from events.values import Context
from managers.datasets import data_set_manager
from managers.endpoints import endpoint_manager
from managers.endpoints import manager as endpoints
from managers.incidents import Catalogue, incident_manager
from managers.incidents import manager as incidents
from managers.machines import WhyWrong, machine_manager, nobody_knows
from managers.neighbours import TOPIC as NEIGHBOURS
from managers.operations import manager as operations
from managers.operations import operations_manager
from managers.runtime import Manager
from managers.simulations import simulation_manager
from managers.users import user_manager

SINGLE = (Context.MACHINES, Context.USERS)
"""Contexts of one partition: whoever decides must see all."""


def all_managers(
    catalogue: Catalogue,
    run_stage: incidents.Hands,
    on_machines: operations.Hands,
    pull: endpoints.Hands,
    why_wrong: WhyWrong = nobody_knows,
) -> list[Manager[Any, Any]]:
    """One manager for each context."""
    return [
        incident_manager(catalogue, run_stage),
        simulation_manager(),
        data_set_manager(),
        endpoint_manager(pull),
        machine_manager(why_wrong),
        operations_manager(on_machines),
        user_manager(),
    ]


async def declare_topics(log: Log, partitions: int) -> None:
    """Create or check the topics of all contexts; raises `bus.PartitionsChanged`."""
    await log.declare(NEIGHBOURS, 1)
    for context in Context:
        count = 1 if context in SINGLE else partitions
        await log.declare(commands_topic(context), count)
        await log.declare(events_topic(context), count)
