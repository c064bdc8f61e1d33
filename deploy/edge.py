"""What a process serves by HTTP, and what its health says of the parts that run in it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bus import Log, LogError
from bus.tasks import within
from deploy.parts import Part, Parts, Running
from deploy.secrets import token_key
from deploy.storage import Storage
from events.values import Context
from interfaces.external_data.push import PushSettings, add_push
from interfaces.gateway import (
    KNOWN_WITHIN,
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
from interfaces.machines.work.agents import Agent
from interfaces.machines.work.hands import MachineHands
from managers.runtime import Ends, Failure, Share, Surroundings
from projections import PromptPool, Reader, Runner, open_reader

_ANSWERED_WITHIN = 10.0
"""Seconds for each statement to the database; then a request gets its 503."""


@asynccontextmanager
async def web_edge(
    parts: Parts, storage: Storage, around: Surroundings, running: Running
) -> AsyncIterator[str]:
    """What these parts serve by HTTP, each its health at least; the URL it is reached at."""
    settings = storage.settings
    async with open_reader(Reader(PromptPool(storage.pool, _ANSWERED_WITHIN))) as reader:
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
    ends = Ends(log)
    asked = {
        str(service.context): _health_of(service, ends, service.failing, service.broken)
        for service in running.services
    }
    if (agent := running.agent) is not None:
        asked["agent"] = _health_of(agent, ends, agent.failing, agent.broken)
    if (stream := running.stream) is not None:
        asked[Part.PUBLIC_STREAM] = _health_of(stream, ends, stream.failing, stream.broken)
    if (runner := running.runner) is not None:
        asked[Part.PROJECTIONS] = _health_of(runner, ends, runner.failures.known, {})
    parts = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
    if interface := parts.get(Context.OPERATIONS):
        interface.failing |= _failing(running.on_machines.failing())
    if (sensors := running.sensors) is not None:
        parts[Part.SENSORS] = PartHealth(
            owns=sensors.owned,
            since=_moment(sensors.since),
            behind=sensors.behind(),
            failing=_failing(sensors.failing),
            feeds={
                name: FeedHealth.model_validate(counts) for name, counts in sensors.feeds().items()
            },
        )
    return parts


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


async def _health_of(
    part: Share[Any] | Agent | Runner,
    ends: Ends,
    failing: Mapping[Any, Failure],
    broken: Mapping[Any, str],
) -> PartHealth:
    try:
        behind = await within(KNOWN_WITHIN, part.behind(ends))
    except (LogError, TimeoutError):
        behind = None
    return PartHealth(
        owns=[str(one) for one in sorted(part.owned)],
        since=_moment(part.since),
        behind=behind,
        broken={str(one): reason for one, reason in broken.items()},
        failing=_failing(failing),
    )


def _failing(failures: Mapping[Any, Failure]) -> dict[str, Failing]:
    return {str(what): Failing.model_validate(failure) for what, failure in failures.items()}


def _url(serving: EdgeRunner) -> str:
    host, port = serving.addresses[0][:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
