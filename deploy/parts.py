"""The parts of a system, each with what it needs of the others handed in.

A process runs some of them; together, in whatever processes, they are the system.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import aiohttp

from bus import LogError
from deploy.on_machines import hands_on_machines
from deploy.settings import Settings
from deploy.storage import Storage, patiently
from deploy.workflows import installed_workflows
from events.values import Context
from interfaces.external_data.pull import PullHands
from interfaces.machines.registry import why_wrong
from interfaces.machines.work.agents import Agent
from interfaces.machines.work.hands import MachineHands
from interfaces.public.publisher import Publisher, declare_progress, public_stream
from interfaces.sensors import FeedsError, read_feeds
from interfaces.sensors.delivery import Delivery
from managers.everyone import all_managers
from managers.runtime import Service, Share, Surroundings
from projections import PROJECTIONS, Runner
from workflows.host import StageHost

if TYPE_CHECKING:
    from interfaces.sensors.worker import SensorWorker


class Part(StrEnum):
    """What `vestec run` runs."""

    WORKFLOW_MANAGER = "workflow-manager"
    SIMULATION_MANAGER = "simulation-manager"
    DATA_MANAGER = "data-manager"
    MACHINE_STATUS_MANAGER = "machine-status-manager"
    MACHINE_INTERFACE = "machine-interface"
    EXTERNAL_DATA = "external-data"
    GATEWAY = "gateway"
    PROJECTIONS = "projections"
    SENSORS = "sensors"
    PUBLIC_STREAM = "public-stream"


Parts = frozenset[Part]
ALL = frozenset(Part) - {Part.SENSORS, Part.PUBLIC_STREAM}
"""Those that every system has."""


def parts_of(settings: Settings) -> Parts:
    """Those of a whole system: on Kafka the public stream, and sensors where feeds are declared."""
    if not _on_kafka(settings):
        return ALL
    return ALL | {Part.PUBLIC_STREAM} | ({Part.SENSORS} if settings.sensors else frozenset())


def _on_kafka(settings: Settings) -> bool:
    return settings.log is not None and settings.log.startswith("kafka:")


_CONTEXTS = {
    Part.WORKFLOW_MANAGER: Context.INCIDENTS,
    Part.SIMULATION_MANAGER: Context.SIMULATIONS,
    Part.DATA_MANAGER: Context.DATASETS,
    Part.MACHINE_STATUS_MANAGER: Context.MACHINES,
    Part.MACHINE_INTERFACE: Context.OPERATIONS,
    Part.EXTERNAL_DATA: Context.ENDPOINTS,
    Part.GATEWAY: Context.USERS,
}
"""Whose manager each part runs."""

Services = list[Service[Any, Any]]

_GIVE_WAY = 60.0
"""Seconds after the start: a manager that never comes to its end must not keep all from reading."""


@dataclass(frozen=True)
class Running:
    """What of the parts has a life of its own."""

    services: Services
    on_machines: MachineHands
    agent: Agent | None
    runner: Runner | None
    sensors: "SensorWorker | None"
    stream: Share[Publisher] | None

    @property
    def parts(self) -> "list[Share[Any] | Agent | Runner | SensorWorker]":
        """Each runs until it is cancelled."""
        others = (self.agent, self.runner, self.sensors, self.stream)
        return [*self.services, *(one for one in others if one is not None)]


@asynccontextmanager
async def managers(
    parts: Parts, storage: Storage, around: Surroundings
) -> AsyncIterator[tuple[Services, MachineHands]]:
    """The managers of these parts, not running yet, and what they do on machines."""
    settings, contexts = storage.settings, {_CONTEXTS.get(part) for part in parts}
    has_stages = Part.WORKFLOW_MANAGER in parts
    workflows = installed_workflows(settings.workflows) if has_stages else {}
    async with AsyncExitStack() as stack:
        host = StageHost.threaded(workflows, storage.blobs)
        stack.callback(host.close)
        watch = asyncio.create_task(host.watch())
        stack.callback(watch.cancel)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        pull = PullHands(
            session, storage.blobs, around.wall, settings.pull_deadline, settings.push_limit
        )
        on_machines = hands_on_machines(storage, around)
        made = all_managers(
            {kind: workflow.plan for kind, workflow in workflows.items()},
            host.begin,
            on_machines.begin,
            pull.begin,
            why_wrong,
        )
        services = [Service(manager, around) for manager in made if manager.context in contexts]
        yield services, on_machines


def projection_runner(
    parts: Parts, storage: Storage, services: Services, around: Surroundings
) -> Runner | None:
    """All projections, not running yet; at first they give way to managers that take over.

    Where all is made anew from the log, managers that have it to themselves act many times sooner.
    """
    if Part.PROJECTIONS not in parts:
        return None
    until = around.wall() + _GIVE_WAY

    def gives_way() -> bool:
        return around.wall() < until and any(service.taking_over for service in services)

    return Runner(storage.log, storage.pool, PROJECTIONS, around.wall, gives_way=gives_way)


def sensor_worker(parts: Parts, storage: Storage, around: Surroundings) -> "SensorWorker | None":
    """A share of the sensor feeds, not running yet. Raises `FeedsError`."""
    if Part.SENSORS not in parts:
        return None
    settings = storage.settings
    if settings.sensors is None:
        raise FeedsError("no sensor feeds are declared: set VESTEC_SENSORS to a file that does")
    if settings.log is None or not _on_kafka(settings):
        raise FeedsError("sensor feeds are topics of Kafka: set VESTEC_LOG to kafka://…")
    # Only here: Faust takes longer to import than all the rest.
    from interfaces.sensors.application import SensorSettings
    from interfaces.sensors.worker import SensorWorker

    return SensorWorker(
        SensorSettings(settings.log, settings.data / "sensors", settings.lease),
        read_feeds(settings.sensors),
        Delivery(storage.log, storage.clock, around.wall, storage.pool, storage.blobs),
    )


async def public_publisher(
    parts: Parts, storage: Storage, around: Surroundings
) -> Share[Publisher] | None:
    """A share of the public stream, not running yet, for which its topics are made or checked.

    Raises `LogError`.
    """
    if Part.PUBLIC_STREAM not in parts:
        return None
    settings = storage.settings
    url = settings.log
    if url is None or not _on_kafka(settings):
        raise LogError("the public stream is a topic of Kafka: set VESTEC_LOG to kafka://…")
    # Only here: as the log's own engine.
    from interfaces.public.topics import make_topic

    async def declare() -> None:
        partitions = await declare_progress(storage.log)
        await make_topic(url, partitions, settings.public_days)

    await patiently(declare)
    return public_stream(around, settings.public_source)
