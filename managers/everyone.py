"""All managers, with the hands that the composition root gives them."""

import asyncio
from contextlib import suppress
from typing import Any

from bus import Log, LogReplaced, UnknownTopic
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
_PAUSES = (0.5, 1.0, 0.0)
"""Seconds before a topic that is not there is looked for again."""


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
    """Create or check the topics of all contexts.

    Raises `bus.PartitionsChanged`, and `bus.LogReplaced` where commands were taken from a topic
    that there is not any more: in a new one the first ones sent would be taken for those.
    """
    await log.declare(NEIGHBOURS, 1)
    for context in Context:
        count = 1 if context in SINGLE else partitions
        commands, events = commands_topic(context), events_topic(context)
        await log.declare(events, count)
        if await _is_lost(log, commands, events, count):
            raise LogReplaced(
                f"topic {commands} is not there, though {events} has records: it was deleted, or"
                " the brokers lost it. Make it by hand and fill it up before anybody uses it"
                " (documentation for operators, faults)"
            )
        await log.declare(commands, count)


async def _is_lost(log: Log, commands: str, events: str, partitions: int) -> bool:
    """Whether commands were there; a broker that has just come may not know it for a moment."""
    for pause in _PAUSES:
        with suppress(UnknownTopic):
            await log.partitions(commands)
            return False
        bounds = [await log.bounds(events, partition) for partition in range(partitions)]
        if not any(end for _, end in bounds):
            return False
        await asyncio.sleep(pause)
    return True
