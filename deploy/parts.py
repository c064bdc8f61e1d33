"""The parts of a system, each with what it needs of the others handed in.

A process runs some of them; together, in whatever processes, they are the system.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from bus import Log, LogError
from deploy.on_machines import hands_on_machines
from deploy.secrets import token_key
from deploy.settings import Settings
from deploy.storage import Storage
from deploy.workflows import installed_workflows
from events.values import Context
from interfaces.external_data.pull import PullHands
from interfaces.external_data.push import PushSettings, add_push
from interfaces.gateway import (
    CommandsSpent,
    EdgeRunner,
    Failing,
    FeedHealth,
    GatewaySettings,
    PartHealth,
    Verifier,
    WebEdge,
    gateway,
)
from interfaces.machines.agents import Agent
from interfaces.machines.hands import MachineHands
from interfaces.machines.registry import why_wrong
from interfaces.public.publisher import Publisher, declare_progress, public_stream
from interfaces.sensors import FeedsError, read_feeds
from interfaces.sensors.delivery import Delivery
from managers.everyone import all_managers
from managers.runtime import Ends, Failure, Service, Share, Surroundings
from projections import PROJECTIONS, Reader, Runner, open_reader
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
    if settings.log is None or not _on_kafka(settings):
        raise LogError("the public stream is a topic of Kafka: set VESTEC_LOG to kafka://…")
    # Only here: as the log's own engine.
    from interfaces.public.topics import make_topic

    partitions = await declare_progress(storage.log)
    await make_topic(settings.log, partitions, settings.public_days)
    return public_stream(around, settings.public_source)


@asynccontextmanager
async def web_edge(
    parts: Parts, storage: Storage, around: Surroundings, running: Running
) -> AsyncIterator[str]:
    """What these parts serve by HTTP, each its health at least; the URL it is reached at."""
    settings = storage.settings
    async with open_reader(Reader(storage.pool)) as reader:
        edge = WebEdge(
            log=storage.log,
            clock=storage.clock,
            wall=around.wall,
            new_id=around.new_id,
            reader=reader,
            blobs=storage.blobs,
            token_key=token_key(settings),
            settings=GatewaySettings(
                token_lifetime=settings.token_hours * 3600, proxies=settings.proxies
            ),
            parts=lambda: _health(running, storage.log),
            shell_startup=running.on_machines.shell_startup,
            commands_spent=lambda: _spent(running.on_machines),
        )
        verifier = Verifier()
        app = gateway(edge, verifier, api=Part.GATEWAY in parts)
        if Part.EXTERNAL_DATA in parts:
            add_push(app, edge, PushSettings(max_bytes=settings.push_limit), verifier)
        serving = EdgeRunner(app)
        await serving.setup()
        try:
            site = web.TCPSite(serving, settings.host, settings.port)
            await site.start()
            yield _url(serving)
        finally:
            await serving.cleanup()


def _spent(on_machines: MachineHands) -> dict[str, CommandsSpent]:
    return {
        name: CommandsSpent({kind.name.lower(): n for kind, n in one.commands.items()}, one.waited)
        for name, one in on_machines.spent().items()
    }


async def _health(running: Running, log: Log) -> Mapping[str, PartHealth]:
    services, ends = running.services, Ends(log)
    found = await asyncio.gather(*(_health_of(service, ends) for service in services))
    parts = {str(service.context): one for service, one in zip(services, found, strict=True)}
    if interface := parts.get(Context.OPERATIONS):
        interface.failing |= _failing(running.on_machines.failing())
    if (agent := running.agent) is not None:
        parts["agent"] = PartHealth(
            owns=agent.owned,
            since=_moment(agent.since),
            behind=await _behind(agent, ends),
            broken=agent.broken,
            failing=_failing(agent.failing),
        )
    if running.stream is not None:
        parts[Part.PUBLIC_STREAM] = await _health_of(running.stream, ends)
    if (runner := running.runner) is not None:
        parts[Part.PROJECTIONS] = PartHealth(
            owns=sorted(runner.owned),
            since=_moment(runner.since),
            behind=await _behind(runner, ends),
            failing=_failing(runner.failures.known),
        )
    if (sensors := running.sensors) is not None:
        parts[Part.SENSORS] = PartHealth(
            owns=sensors.owned,
            since=_moment(sensors.since),
            behind=await sensors.behind(),
            failing=_failing(sensors.failures.known),
            feeds={
                name: FeedHealth.model_validate(counts)
                for name, counts in (await sensors.feeds()).items()
            },
        )
    return parts


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


async def _health_of(share: Share[Any], ends: Ends) -> PartHealth:
    return PartHealth(
        owns=[str(partition) for partition in sorted(share.owned)],
        since=_moment(share.since),
        behind=await _behind(share, ends),
        broken={str(partition): reason for partition, reason in share.broken.items()},
        failing=_failing(share.failing),
    )


def _failing(failures: Mapping[Any, Failure]) -> dict[str, Failing]:
    return {str(what): Failing.model_validate(failure) for what, failure in failures.items()}


async def _behind(part: Share[Any] | Agent | Runner, ends: Ends) -> int | None:
    try:
        return await part.behind(ends)
    except LogError:
        return None


def _url(serving: EdgeRunner) -> str:
    host, port = serving.addresses[0][:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
