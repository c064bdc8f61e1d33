"""The parts of a running system, each with what it needs of the others handed in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from deploy.secrets import token_key
from deploy.storage import Storage
from deploy.workflows import installed_workflows
from events.machines import MachineSettings
from interfaces.external_data.pull import PullHands
from interfaces.external_data.push import PushSettings, add_push
from interfaces.gateway import Edge, GatewaySettings, Part, Verifier, gateway
from interfaces.machines.hands import MachineHands
from interfaces.machines.machine import Manners
from interfaces.machines.registry import connect
from managers.everyone import all_managers
from managers.runtime import Service, Surroundings
from projections import PROJECTIONS, Reader, Runner, open_reader
from workflows.host import StageHost

Services = list[Service[Any, Any]]


@asynccontextmanager
async def managers(storage: Storage, around: Surroundings) -> AsyncIterator[Services]:
    """All managers with their hands, not running yet."""
    settings = storage.settings
    workflows = installed_workflows(settings.workflows)
    async with AsyncExitStack() as stack:
        host = StageHost.threaded(workflows, storage.blobs)
        stack.callback(host.close)
        watch = asyncio.create_task(host.watch())
        stack.callback(watch.cancel)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        pull = PullHands(
            session, storage.blobs, around.wall, settings.pull_deadline, settings.push_limit
        )
        on_machines = MachineHands(storage.blobs, connect, _manners(settings.look, settings.ask))
        made = all_managers(
            {kind: workflow.plan for kind, workflow in workflows.items()},
            host.begin,
            on_machines.begin,
            pull.begin,
        )
        yield [Service(manager, around) for manager in made]


def _manners(look: float, ask: float) -> Callable[[MachineSettings], Manners]:
    """How often machines are asked; one that is this very computer may be asked more often."""
    here = Manners(min(look, 0.2), min(ask, 5.0))
    return lambda machine: here if machine.connection == "local" else Manners(look, ask)


@asynccontextmanager
async def web_edge(
    storage: Storage, around: Surroundings, services: Services, runner: Runner
) -> AsyncIterator[str]:
    """The gateway and the push side of the EDI, serving; the URL they are reached at."""
    settings = storage.settings
    async with open_reader(Reader(storage.pool)) as reader:
        edge = Edge(
            log=storage.log,
            clock=storage.clock,
            wall=around.wall,
            new_id=around.new_id,
            reader=reader,
            blobs=storage.blobs,
            token_key=token_key(settings),
            settings=GatewaySettings(token_lifetime=settings.token_hours * 3600),
            parts=lambda: _parts(services, runner),
        )
        verifier = Verifier()
        app = gateway(edge, verifier)
        add_push(app, edge, PushSettings(max_bytes=settings.push_limit), verifier)
        serving = web.AppRunner(app, access_log=None)
        await serving.setup()
        try:
            site = web.TCPSite(serving, settings.host, settings.port)
            await site.start()
            yield _url(serving)
        finally:
            await serving.cleanup()


def projection_runner(storage: Storage) -> Runner:
    """All projections, not running yet."""
    return Runner(storage.log, storage.pool, PROJECTIONS)


def _parts(services: Services, runner: Runner) -> Mapping[str, Part]:
    parts = {
        str(service.context): Part(
            owns=[str(partition) for partition in sorted(service.owned)],
            broken={str(partition): reason for partition, reason in service.broken.items()},
        )
        for service in services
    }
    return {**parts, "projections": Part(broken=dict(runner.broken))}


def _url(serving: web.AppRunner) -> str:
    host, port = serving.addresses[0][:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
