"""The live stream: every event once, over lost connections, at the client's pace."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from events import incidents as e
from events.users import EVERYONE, UserDisabled
from events.values import Context, Document, IncidentId, Note
from interfaces.gateway import GatewaySettings, live
from interfaces.gateway.live import READ_AT_ONCE, STREAMS
from projections import Pool, rebuild
from tests.interfaces.gateway.site import ANNA, BERT, ROOT, Site, open_site
from tests.patience import PATIENCE
from tests.projections.tables import all_caught_up, until

FIRE = IncidentId("00000000-0000-4000-8000-000000000001")
FLOOD = IncidentId("00000000-0000-4000-8000-000000000002")


async def created(site: Site, id: IncidentId) -> None:
    event = e.IncidentCreated(
        incident=id,
        kind="plain",
        workflow_version=1,
        name="An incident",
        parameters={},
        exercise=False,
        owner=str(ANNA),
    )
    await site.story.commit(Context.INCIDENTS, id, event)


async def noted(site: Site, id: IncidentId, text: str) -> None:
    await site.story.commit(Context.INCIDENTS, id, e.Noted(note=Note(text=text)))


class Stream:
    """What a client makes of the bytes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.last = ""

    async def block(self) -> dict[str, str]:
        """The next lines up to an empty one, as fields."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            while line := (await self._response.content.readline()).decode().rstrip("\n"):
                name, _, value = line.partition(": ")
                fields[name] = value
        return fields

    async def ended(self) -> bool:
        """Whether nothing comes but the end."""
        async with asyncio.timeout(PATIENCE):
            return await self._response.content.read() == b""

    async def event(self) -> dict[str, Any]:
        while "id" not in (block := await self.block()):
            pass
        self.last = block["id"]
        event: dict[str, Any] = json.loads(block["data"])
        assert event["type"] == block["event"]
        assert event["id"] == "/".join(
            str(event[name]) for name in ("context", "partition", "offset", "index")
        )
        return event

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [await self.event() for _ in range(count)]

    async def notes(self, count: int) -> list[str]:
        return [event["event"]["note"]["text"] for event in await self.events(count)]


@asynccontextmanager
async def following(
    site: Site, query: str = "", last: str | None = None, user: Any = ROOT
) -> AsyncIterator[Stream]:
    headers = site.as_user(user) | ({"Last-Event-ID": last} if last else {})
    async with site.client.get(f"/api/v1/events{query}", headers=headers) as response:
        assert response.status == 200, await response.text()
        stream = Stream(response)
        assert await stream.block() == {"retry": "2000"}
        yield stream


async def test_events_come_as_they_happen_and_each_once_over_lost_connections(pool: Pool) -> None:
    async with open_site(pool) as site:
        await created(site, FIRE)
        await all_caught_up(site.edge.reader, site.story)
        seen: list[str] = []
        async with following(site) as stream:
            for text in ("one", "two", "three"):
                await noted(site, FIRE, text)
            seen += await stream.notes(2)
        for text in ("four", "five"):
            await noted(site, FIRE, text)
        async with following(site, last=stream.last) as stream:
            await noted(site, FIRE, "six")
            seen += await stream.notes(4)
        assert seen == ["one", "two", "three", "four", "five", "six"]


async def test_a_stream_may_be_of_some_incidents_only(pool: Pool) -> None:
    async with open_site(pool) as site:
        await created(site, FIRE)
        await created(site, FLOOD)
        await all_caught_up(site.edge.reader, site.story)
        async with following(site, f"?incident={FIRE}&after=0", user=ANNA) as stream:
            assert (await stream.event())["type"] == "IncidentCreated"
            await noted(site, FLOOD, "water")
            await noted(site, FIRE, "smoke")
            assert await stream.notes(1) == ["smoke"]


async def test_users_name_incidents_of_their_own(pool: Pool) -> None:
    async with open_site(pool) as site:
        await created(site, FIRE)
        await all_caught_up(site.edge.reader, site.story)
        await site.get("/api/v1/events", status=400)
        await site.get(f"/api/v1/events?incident={FIRE}", BERT, status=404)


async def test_a_quiet_stream_shows_signs_of_life(pool: Pool) -> None:
    async with open_site(pool, GatewaySettings(heartbeat=0.05)) as site, following(site) as stream:
        assert await stream.block() == {"": "still here"}


async def test_a_client_that_takes_nothing_is_dropped(pool: Pool) -> None:
    async with open_site(pool, GatewaySettings(stalled=0.2)) as site:
        await created(site, FIRE)
        await all_caught_up(site.edge.reader, site.story)
        async with following(site) as stream:
            large = Document(json_value="x" * 500_000)
            for _ in range(30):
                queued = e.MessageQueued(message=site.story.id(), stage="s", body=large)
                await site.story.commit(Context.INCIDENTS, FIRE, queued)
            await all_caught_up(site.edge.reader, site.story)
            await until(lambda: not site.app[STREAMS])
            with pytest.raises(aiohttp.ClientError):
                await stream.events(30)


async def test_however_many_streams_catch_up_others_find_a_connection(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, enough = set[object](), asyncio.Event()

    async def takes_long(database: Pool, *_what: object) -> list[object]:
        async with database.acquire() as connection:
            reading.add(connection)
            await enough.wait()
        return []

    monkeypatch.setattr(live, "read_timeline", takes_long)
    async with open_site(pool) as site, AsyncExitStack() as streams:
        for _ in range(20):
            await streams.enter_async_context(following(site))
        streams.callback(enough.set)
        await until(lambda: len(reading) >= READ_AT_ONCE)
        async with asyncio.timeout(PATIENCE):
            await site.get("/api/v1/incidents", ANNA)
        assert len(reading) == READ_AT_ONCE


async def test_a_server_that_stops_ends_its_streams(pool: Pool) -> None:
    async with open_site(pool) as site, following(site) as stream:
        async with asyncio.timeout(5):
            await site.client.server.close()
        with pytest.raises(aiohttp.ClientError):
            await stream.event()


async def test_a_rebuild_of_the_timeline_repeats_nothing_and_loses_nothing(pool: Pool) -> None:
    async with open_site(pool) as site:
        for id in (FIRE, FLOOD):
            await created(site, id)
        await all_caught_up(site.edge.reader, site.story)
        async with following(site) as stream, following(site, f"?incident={FIRE}") as of_fire:
            await noted(site, FIRE, "one")
            await noted(site, FLOOD, "two")
            assert await stream.notes(2) == ["one", "two"]
            assert await of_fire.notes(1) == ["one"]
            await rebuild(pool, "timeline")
            await noted(site, FIRE, "three")
            assert await stream.notes(1) == ["three"]
            assert await of_fire.notes(1) == ["three"]
        await noted(site, FLOOD, "four")
        await rebuild(pool, "timeline")
        async with following(site, last=stream.last) as stream:
            assert await stream.notes(1) == ["four"]
        async with following(site, f"?incident={FIRE}", last=of_fire.last) as stream:
            await noted(site, FIRE, "five")
            assert await stream.notes(1) == ["five"]


@pytest.mark.parametrize(
    "last", ["yesterday", "4711", "-1", "incidents-999999", "incidents----0", "moons-1", "users-0~"]
)
async def test_an_id_that_is_none_of_ours_is_refused(pool: Pool, last: str) -> None:
    async with open_site(pool) as site:
        await site.get("/api/v1/events", ROOT, status=400, headers={"Last-Event-ID": last})
        await created(site, FIRE)
        await all_caught_up(site.edge.reader, site.story)
        await site.get(f"/api/v1/incidents/{FIRE}/timeline?after={last}", ROOT, status=400)


async def test_pages_of_a_timeline_go_on_over_a_rebuild(pool: Pool) -> None:
    async with open_site(pool) as site:
        await created(site, FIRE)
        for text in ("one", "two", "three"):
            await noted(site, FIRE, text)
        await all_caught_up(site.edge.reader, site.story)
        path = f"/api/v1/incidents/{FIRE}/timeline?limit=2"
        first = await site.get(path)
        emptied = site.edge.reader.move("timeline")
        await rebuild(pool, "timeline")
        async with asyncio.timeout(PATIENCE):
            await emptied.wait()
        await all_caught_up(site.edge.reader, site.story)
        second = await site.get(f"{path}&after={first['next']}")
        events = [*first["items"], *second["items"]]
        texts = [event["event"].get("note", {}).get("text") for event in events]
        assert texts == [None, "one", "two", "three"]


async def test_a_user_who_is_disabled_is_told_nothing_more(pool: Pool) -> None:
    async with open_site(pool) as site:
        await created(site, FIRE)
        await all_caught_up(site.edge.reader, site.story)
        async with following(site, f"?incident={FIRE}", user=ANNA) as stream:
            await noted(site, FIRE, "one")
            assert await stream.notes(1) == ["one"]
            await site.story.commit(Context.USERS, EVERYONE, UserDisabled(user=ANNA))
            await until(lambda: not site.app[STREAMS])
            await noted(site, FIRE, "two")
            assert await stream.ended()
