"""Incidents over REST: writes that answer when readers can see them, reads that say as of when."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from bus import Doubt, MemoryLog, Record
from events import incidents as e
from events.values import Context, IncidentId, Note
from interfaces.gateway import GatewaySettings
from projections import Pool
from tests.interfaces.gateway.site import ANNA, BERT, ROOT, incidents_managed, open_site
from tests.projections.tables import all_caught_up, caught_up

FIRE = {"kind": "plain", "name": "A fire", "parameters": {"wind": 3}, "exercise": True}


async def test_an_incident_is_created_once_and_can_be_read_at_once(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        wanted = FIRE | {"id": str(uuid4())}
        first = await site.post("/api/v1/incidents", status=201, json=wanted)
        again = await site.post("/api/v1/incidents", status=201, json=wanted)
        assert first == again
        assert (first["status"], first["owner"]) == ("PENDING", str(ANNA))
        assert await site.get(f"/api/v1/incidents/{first['id']}") == first
        listed = await site.get("/api/v1/incidents")
        assert listed == {"items": [first], "next": None}


async def test_names_and_parameters_may_hold_any_character(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        odd = FIRE | {"name": "a\0b \u2028 🔥", "parameters": {"\0": "\\u0000\0"}}
        made = await site.post("/api/v1/incidents", status=201, json=odd)
        assert (made["name"], made["parameters"]) == (
            "a\ufffdb \u2028 🔥",
            {"\ufffd": "\\u0000\ufffd"},
        )


async def test_an_id_that_is_taken_is_no_new_incident(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        wanted = FIRE | {"id": str(uuid4())}
        await site.post("/api/v1/incidents", status=201, json=wanted)
        await site.post("/api/v1/incidents", status=409, json=wanted | {"name": "Another"})
        await site.post("/api/v1/incidents", BERT, status=409, json=wanted)


async def test_the_life_of_an_incident(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        made = await site.post("/api/v1/incidents", status=201, json=FIRE)
        path = f"/api/v1/incidents/{made['id']}"
        active = await site.post(f"{path}/activate")
        assert active["status"] == "ACTIVE"
        refused = await site.post(f"{path}/activate", status=409)
        assert refused["detail"] == "the incident is ACTIVE already"
        assert active["urgency"] == "routine"
        wanted = {"urgency": "critical", "reason": "the town"}
        assert (await site.post(f"{path}/urgency", json=wanted))["urgency"] == "critical"
        await site.post(f"{path}/urgency", status=422, json={"urgency": "very"})
        await site.post(f"{path}/retry", status=409)
        await site.post(f"{path}/archive", status=409)
        over = await site.post(f"{path}/cancel", json={"reason": "rain"})
        assert (over["status"], over["reason"]) == ("CANCELLED", "rain")
        assert (await site.post(f"{path}/archive"))["status"] == "ARCHIVED"


async def test_the_same_write_sent_again_has_the_outcome_it_had(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        made = await site.post("/api/v1/incidents", status=201, json=FIRE)
        path, key = f"/api/v1/incidents/{made['id']}/activate", {"Idempotency-Key": str(uuid4())}
        for _ in range(2):
            assert (await site.post(path, headers=key))["status"] == "ACTIVE"


async def test_a_key_is_bound_to_what_it_was_first_used_for(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        key = {"Idempotency-Key": str(uuid4())}
        made = await site.post("/api/v1/incidents", status=201, json=FIRE, headers=key)
        other = FIRE | {"parameters": {"wind": 4}}
        await site.post("/api/v1/incidents", status=409, json=other, headers=key)
        path, key = f"/api/v1/incidents/{made['id']}", {"Idempotency-Key": str(uuid4())}
        await site.post(f"{path}/activate", headers=key)
        said = await site.post(f"{path}/cancel", status=409, headers=key)
        assert "used for something else" in said["detail"]
        await site.post(f"{path}/activate", ROOT, status=409, headers=key)
        assert (await site.get(path))["status"] == "ACTIVE"


async def test_of_two_at_once_under_one_key_one_is_carried_out(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        made = await site.post("/api/v1/incidents", status=201, json=FIRE)
        path, headers = f"/api/v1/incidents/{made['id']}", site.as_user()
        headers |= {"Idempotency-Key": str(uuid4())}
        answers = await asyncio.gather(
            *(site.client.post(f"{path}/{do}", headers=headers) for do in ("activate", "cancel"))
        )
        statuses = [answer.status for answer in answers]
        assert sorted(statuses) == [200, 409]
        now = (await site.get(path))["status"]
        assert now == ("ACTIVE" if statuses[0] == 200 else "CANCELLED")


async def test_a_key_whose_outcome_is_not_known_yet_is_bound(pool: Pool) -> None:
    async with open_site(pool, GatewaySettings(write_deadline=0.1)) as site:
        wanted = FIRE | {"id": str(uuid4())}
        for _ in range(2):
            await site.post("/api/v1/incidents", status=202, json=wanted)
        await site.post("/api/v1/incidents", status=409, json=wanted | {"kind": "flood"})


async def test_a_refused_creation_may_be_corrected_under_its_id(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        wanted = FIRE | {"id": str(uuid4())}
        unknown = await site.post("/api/v1/incidents", status=422, json=wanted | {"kind": "flood"})
        assert "unknown kind of incident 'flood'; known are: plain" in unknown["detail"]
        bad = wanted | {"parameters": {"area": "here"}}
        problem = await site.post("/api/v1/incidents", status=422, json=bad)
        assert "area must be a list of corners" in problem["detail"]
        await site.post("/api/v1/incidents", status=201, json=wanted)


async def test_users_see_their_own_and_administrators_all(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        made = await site.post("/api/v1/incidents", status=201, json=FIRE)
        path = f"/api/v1/incidents/{made['id']}"
        await site.get(path, BERT, status=404)
        await site.post(f"{path}/cancel", BERT, status=404)
        for part in ("simulations", "data-sets", "graph", "timeline", "log"):
            await site.get(f"{path}/{part}", BERT, status=404)
        assert (await site.get("/api/v1/incidents", BERT))["items"] == []
        assert (await site.get(path, ROOT))["id"] == made["id"]
        assert len((await site.get("/api/v1/incidents", ROOT))["items"]) == 1


async def test_lists_come_in_pages_and_by_status(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        ids: list[str] = []
        for index in range(5):
            site.story.now += 1
            made = await site.post(
                "/api/v1/incidents", status=201, json=FIRE | {"name": f"{index}"}
            )
            ids.insert(0, made["id"])
        await site.post(f"/api/v1/incidents/{ids[2]}/activate")
        assert await _pages(site, "limit=2") == [ids[:2], ids[2:4], ids[4:]]
        found = await site.get("/api/v1/incidents?status=ACTIVE&status=COMPLETE")
        assert [row["id"] for row in found["items"]] == [ids[2]]
        await site.get("/api/v1/incidents?status=BURNING", status=400)
        await site.get("/api/v1/incidents?limit=0", status=400)


async def _pages(site: Any, query: str) -> list[list[str]]:
    pages, after = [], ""
    while True:
        page = await site.get(f"/api/v1/incidents?{query}{after}")
        pages.append([row["id"] for row in page["items"]])
        if page["next"] is None:
            return pages
        after = f"&after={page['next']}"


async def test_a_write_without_a_word_in_time_is_not_known_yet_and_never_failed(pool: Pool) -> None:
    settings = GatewaySettings(write_deadline=0.2)
    async with open_site(pool, settings) as site:
        id = uuid4()
        said = await site.post("/api/v1/incidents", status=202, json=FIRE | {"id": str(id)})
        assert said["detail"] == "accepted, not known yet"
        await site.get(said["outcome"], status=404)
        place = await _decided(site, id)
        await caught_up(site.edge.reader, place)
        assert (await site.get(said["outcome"]))["accepted"]
        await site.get(said["outcome"], BERT, status=404)


async def _decided(site: Any, id: UUID) -> Any:
    event = _created(str(id))
    return await site.story.commit(
        Context.INCIDENTS, str(id), event, id=id, actor=str(ANNA), command=0
    )


class DoubtfulLog(MemoryLog):
    """Keeps commands, and says that nobody knows."""

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        offset = await super().append(topic, partition, records)
        if topic.endswith(".commands"):
            raise Doubt("no acknowledgement came")
        return offset


async def test_a_doubtful_append_is_not_known_and_may_be_repeated(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        wanted = FIRE | {"id": str(uuid4())}
        with monkeypatch.context() as patch:
            patch.setattr(site.story.log, "__class__", DoubtfulLog)
            said = await site.post("/api/v1/incidents", status=202, json=wanted)
        assert said["command"] == wanted["id"]
        made = await site.post("/api/v1/incidents", status=201, json=wanted)
        assert made["id"] == wanted["id"]


async def test_what_happened_is_shown_as_graph_timeline_and_log(pool: Pool) -> None:
    async with open_site(pool) as site:
        id, run, next_run = str(uuid4()), uuid4(), uuid4()
        commit, path = site.story.commit, f"/api/v1/incidents/{id}"
        await commit(Context.INCIDENTS, id, _created(id))
        activated = e.IncidentActivated()
        start = e.MessageQueued(message=run, stage="map-it")
        await commit(
            Context.INCIDENTS, id, activated, start, e.StageStarted(run=run, attempt=1, at=0)
        )
        follow = e.MessageQueued(message=next_run, stage="forecast", sender=run)
        await commit(Context.INCIDENTS, id, e.StageCompleted(run=run), follow)
        await commit(Context.INCIDENTS, id, e.Noted(note=Note(text="three passes")))
        await commit(Context.INCIDENTS, id, refused="no")
        await all_caught_up(site.edge.reader, site.story)

        graph = await site.get(f"{path}/graph")
        assert [(node["name"], node["status"], node["seconds"]) for node in graph["nodes"]] == [
            ("activateIncident", None, 0.0),
            ("map-it", "completed", 1.0),
            ("forecast", "waiting", 0.0),
        ]
        async with site.client.get(f"{path}/graph?format=dot", headers=site.as_user()) as response:
            text = await response.text()
        assert '\t"map-it" -> forecast;\n' in text
        assert 'fillcolor=chartreuse, label="map-it (0:00:01)", style=filled, tooltip=' in text

        types = [row["type"] for row in (await site.get(f"{path}/timeline?limit=4"))["items"]]
        assert types == ["IncidentCreated", "IncidentActivated", "MessageQueued", "StageStarted"]
        log = (await site.get(f"{path}/log"))["items"]
        assert [entry["text"] for entry in log] == ["Test was refused: no", "three passes"]


def _created(id: str) -> e.IncidentCreated:
    return e.IncidentCreated(
        incident=IncidentId(id),
        kind="plain",
        workflow_version=1,
        name="A fire",
        parameters={},
        exercise=False,
        owner=str(ANNA),
    )


async def test_every_read_says_as_of_when(pool: Pool) -> None:
    async with open_site(pool) as site, incidents_managed(site.story):
        made = await site.post("/api/v1/incidents", status=201, json=FIRE)
        path = f"/api/v1/incidents/{made['id']}"
        async with site.client.get(path, headers=site.as_user()) as response:
            assert response.headers["As-Of"] >= made["created"].removesuffix("Z")
