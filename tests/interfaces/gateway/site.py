"""The gateway as clients meet it, over real tables and a log in memory.

Incidents have their real manager, when asked for; what the others do is written by hand.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from obstore.store import MemoryStore

from bus import HybridClock
from bus.epochs import START, counted
from events.envelope import decode, events_topic
from events.users import EVERYONE, UserAdded, login_digest
from events.values import Command, Context
from interfaces.external_data.push import PushSettings, add_push
from interfaces.gateway import (
    EdgeRunner,
    GatewaySettings,
    Verifier,
    WebEdge,
    gateway,
    hash_password,
)
from managers.blobs import BlobStore
from managers.incidents import WorkflowPlan, incident_manager
from managers.runtime import Assignment, Manager, Service, Surroundings, Work
from projections import Pool, Reader
from projections.people import Person, keep_credential, keep_person
from tests.projections.story import Story
from tests.projections.tables import caught_up, running

ANNA, BERT, ROOT = (uuid5(UUID(int=0), name) for name in ("anna", "bert", "root"))
PASSWORD = "correct horse"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Good enough for tests, and a thousand times faster."""
_LONG_AGO = 1e9
"""Stories are, by the clock of the database, in seconds."""
_HASH = hash_password(PASSWORD, CHEAP)
_RIGHT = Verifier()._right
"""Of all sites: it remembers what was right, which is slow to find out."""


class _Server(TestServer):
    async def _make_runner(self, **options: Any) -> EdgeRunner:
        return EdgeRunner(self.app, **options)


Client = TestClient[web.Request, web.Application]


@dataclass
class Site:
    """A gateway with its log, its users and their tokens."""

    story: Story
    edge: WebEdge
    app: web.Application
    client: Client
    tokens: dict[UUID, str]

    def as_user(self, user: UUID = ANNA) -> dict[str, str]:
        """The headers of a user's requests."""
        return {"Authorization": f"Bearer {self.tokens[user]}"}

    async def get(self, path: str, user: UUID = ANNA, status: int = 200, **more: Any) -> Any:
        """The JSON that is at a path."""
        return await self._json("GET", path, user, status, **more)

    async def post(self, path: str, user: UUID = ANNA, status: int = 200, **more: Any) -> Any:
        """The JSON that is answered to a post."""
        return await self._json("POST", path, user, status, **more)

    async def _json(self, method: str, path: str, user: UUID, status: int, **more: Any) -> Any:
        headers = self.as_user(user) | more.pop("headers", {})
        async with self.client.request(method, path, headers=headers, **more) as response:
            assert response.status == status, await response.text()
            return await response.json()


@asynccontextmanager
async def open_site(
    pool: Pool, settings: GatewaySettings | None = None, push: PushSettings | None = None
) -> AsyncIterator[Site]:
    """A gateway that is served while the context lasts."""
    story = await Story(partitions=1).begin()
    async with running(story, pool) as reader:
        edge = _edge(story, reader, settings or GatewaySettings())
        verifier = Verifier()
        verifier._right = _RIGHT
        app = gateway(edge, verifier)
        add_push(app, edge, push, verifier)
        async with TestClient(_Server(app)) as client:
            await _add_users(story, reader)
            tokens = {user: await _token(client, name) for name, user in _USERS.items()}
            yield Site(story, edge, app, client, tokens)


_USERS = {"anna": ANNA, "bert": BERT, "root": ROOT}


def _edge(story: Story, reader: Reader, settings: GatewaySettings) -> WebEdge:
    return WebEdge(
        log=story.log,
        clock=HybridClock(lambda: story.now, max_ahead=_LONG_AGO),
        wall=lambda: story.now,
        new_id=story.id,
        reader=reader,
        blobs=BlobStore(MemoryStore()),
        token_key=random.Random(1).randbytes(32),
        settings=settings,
    )


async def _add_users(story: Story, reader: Reader) -> None:
    for name, user in _USERS.items():
        await keep_person(reader.pool, Person(id=user, username=name, name=name, email=""))
        await keep_credential(reader.pool, "user", str(user), _HASH)
        added = UserAdded(user=user, login=login_digest(name), administrator=name == "root")
        place = await story.commit(Context.USERS, EVERYONE, added)
    await caught_up(reader, place)


async def _token(client: Client, name: str) -> str:
    login = {"username": name, "password": PASSWORD}
    async with client.post("/api/v1/login", json=login) as response:
        assert response.status == 200, await response.text()
        token: str = (await response.json())["token"]
        return token


@asynccontextmanager
async def incidents_managed(story: Story) -> AsyncIterator[None]:
    """The Workflow Manager at work, with the one workflow `plain`, which has no stages."""

    def no_stages(_assigned: Assignment[Any, Any]) -> Work[Any]:
        raise AssertionError("there is no stage to run")

    plan = WorkflowPlan("plain", 1, {}, check=_checked)
    async with managed(story, incident_manager({"plain": plan}, no_stages)):
        yield


@asynccontextmanager
async def managed(story: Story, manager: Manager[Any, Any]) -> AsyncIterator[None]:
    """A manager at work."""
    around = Surroundings(
        story.log, HybridClock(lambda: story.now), lambda: story.now, story.chance
    )
    task = asyncio.create_task(Service(manager, around).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def sent(story: Story, context: Context) -> list[Command]:
    """What the context's manager told others to do."""
    records = await story.log.read(events_topic(context), 0, 0)
    commits = [decode(stored.record) for stored, _, counts in counted(START, records) if counts]
    return [message.command for commit in commits for message in commit.messages]


def _checked(parameters: dict[str, Any]) -> dict[str, Any]:
    if "area" in parameters and not isinstance(parameters["area"], list):
        raise ValueError("area must be a list of corners")
    return parameters
