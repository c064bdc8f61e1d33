"""For operators: health, metrics, and the API's description."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from bus import LogError
from interfaces.gateway import CommandsSpent, FeedHealth, PartHealth, gateway
from interfaces.gateway.health import Health
from projections import PROJECTIONS, Pool
from tests.interfaces.gateway.site import PASSWORD, Site, incidents_managed, open_site
from tests.patience import PATIENCE

NAMES = {projection.name for projection in PROJECTIONS}


async def anonymous(site: Site, path: str) -> Any:
    """What is answered as soon as the database does in time, which on a busy machine it may not."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with site.client.get(path) as response:
                if response.status == 503:
                    continue
                assert response.status == 200
                is_json = "json" in response.content_type
                return await (response.json() if is_json else response.text())


async def test_health_shows_what_runs_and_how_far_behind_it_is(pool: Pool) -> None:
    async with open_site(pool) as site:
        async with asyncio.timeout(PATIENCE):
            while (found := await anonymous(site, "/health"))["projections"].keys() != NAMES:
                await asyncio.sleep(0.02)  # each is shown once it has begun
        assert found["status"] == "ok"
        assert found["projections"]["users"] == {"lag_records": 0, "lag_seconds": 0.0}
        broken = PartHealth(owns=["0"], behind=3, broken={"1": "cannot fold"})

        async def parts() -> dict[str, PartHealth]:
            return {"incidents": broken}

        edge = replace(site.edge, parts=parts)
        async with (
            TestClient(TestServer(gateway(edge))) as client,
            client.get("/health") as response,
        ):
            found = await response.json()
        assert found["status"] == "degraded"
        assert PartHealth.model_validate(found["parts"]["incidents"]) == broken


async def test_what_is_known_is_shown_while_the_log_is_away(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = PartHealth(owns=["0"], behind=None, broken={"1": "cannot fold"})

    async def parts() -> dict[str, PartHealth]:
        return {"incidents": broken}

    async def away(*_: object) -> tuple[int, int]:
        raise LogError("no broker answers")

    async with open_site(pool) as site:
        async with asyncio.timeout(PATIENCE):
            while not (await anonymous(site, "/health"))["projections"]:
                await asyncio.sleep(0.02)
        monkeypatch.setattr(site.story.log, "bounds", away)
        edge = replace(site.edge, parts=parts)
        async with TestClient(TestServer(gateway(edge))) as client:
            async with client.get("/health") as response:
                assert response.status == 503
                found = Health.model_validate(await response.json())
            async with client.get("/metrics") as response:
                metrics = await response.text()
    assert (found.status, found.projections) == ("degraded", {})
    assert "cannot be reached" in found.storage
    assert found.parts == {"incidents": broken}
    assert 'vestec_part_broken{part="incidents"} 1.0' in metrics
    assert "vestec_projection_lag_records{" not in metrics


async def test_a_full_disk_is_said_and_shown_until_a_write_is_kept(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> int:
        raise LogError("the database refused an append") from asyncpg.DiskFullError("no space")

    async with open_site(pool) as site, incidents_managed(site.story):
        wanted = {"kind": "plain", "name": "A fire"}
        with monkeypatch.context() as patch:
            patch.setattr(site.story.log, "append", full)
            said = await site.post("/api/v1/incidents", status=503, json=wanted)
            assert "disk of the database is full" in said["detail"]
        found = await anonymous(site, "/health")
        assert (found["status"], found["writes"]) == ("degraded", said["detail"])
        await site.post("/api/v1/incidents", status=201, json=wanted)
        found = await anonymous(site, "/health")
        assert (found["status"], found["writes"]) == ("ok", "ok")


async def test_what_is_no_write_says_nothing_about_writes(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise asyncpg.CannotConnectNowError("the database system is starting up")

    async with open_site(pool) as site:
        with monkeypatch.context() as patch:
            patch.setattr("interfaces.gateway.auth.find_login", away)
            login = {"username": "anna", "password": PASSWORD}
            async with site.client.post("/api/v1/login", json=login) as response:
                assert response.status == 503
        found = await anonymous(site, "/health")
        assert (found["status"], found["writes"]) == ("ok", "ok")


async def test_metrics_count_requests_by_their_pattern(pool: Pool) -> None:
    async with open_site(pool) as site:
        await site.get("/api/v1/incidents/00000000-0000-4000-8000-000000000001", status=404)
        text = await anonymous(site, "/metrics")
        route = 'method="GET",route="/api/v1/incidents/{id}"'
        assert f'vestec_requests_total{{{route},status="404"}} 1.0' in text
        assert 'vestec_projection_lag_records{projection="timeline"} 0.0' in text
        assert "vestec_machine_shell_startup_seconds{" not in text


async def test_metrics_show_what_was_run_on_machines(pool: Pool) -> None:
    spent = {"far": CommandsSpent({"submit": 3, "poll": 2}, 1.5)}
    async with open_site(pool) as site:
        edge = replace(site.edge, commands_spent=lambda: spent, shell_startup=lambda: {"far": 0.5})
        async with (
            TestClient(TestServer(gateway(edge))) as client,
            client.get("/metrics") as response,
        ):
            lines = (await response.text()).splitlines()
    assert {line for line in lines if line.startswith("vestec_machine_")} == {
        'vestec_machine_commands_total{kind="submit",machine="far"} 3.0',
        'vestec_machine_commands_total{kind="poll",machine="far"} 2.0',
        'vestec_machine_budget_wait_seconds_total{machine="far"} 1.5',
        'vestec_machine_shell_startup_seconds{machine="far"} 0.5',
    }


async def test_metrics_show_parts_and_feeds(pool: Pool) -> None:
    weather = FeedHealth(taken=90, parked=2, findings=3, arrivals=6, behind=None)

    async def parts() -> dict[str, PartHealth]:
        return {
            "incidents": PartHealth(owns=["0", "3"], behind=7, broken={"1": "cannot fold"}),
            "sensors": PartHealth(owns=["weather/0"], feeds={"weather": weather}),
        }

    async with (
        open_site(pool) as site,
        TestClient(TestServer(gateway(replace(site.edge, parts=parts)))) as client,
        client.get("/metrics") as response,
    ):
        lines = (await response.text()).splitlines()
    shown = {line for line in lines if line.startswith(("vestec_part", "vestec_feed"))}
    assert shown == {
        'vestec_part_partitions{part="incidents"} 2.0',
        'vestec_part_partitions{part="sensors"} 1.0',
        'vestec_part_behind_records{part="incidents"} 7.0',
        'vestec_part_broken{part="incidents"} 1.0',
        'vestec_part_broken{part="sensors"} 0.0',
        'vestec_feed_readings_taken_total{feed="weather"} 90.0',
        'vestec_feed_readings_parked_total{feed="weather"} 2.0',
        'vestec_feed_findings_total{feed="weather"} 3.0',
        'vestec_feed_arrivals_total{feed="weather"} 6.0',
    }


async def test_the_description_has_every_route_and_every_model(pool: Pool) -> None:
    async with open_site(pool) as site:
        document = await anonymous(site, "/api/v1/openapi.json")
        described = {
            f"{method.upper()} {path}"
            for path, methods in document["paths"].items()
            for method in methods
        }
        served = {
            f"{route.method} {route.resource.canonical}"
            for route in site.app.router.routes()
            if route.method != "HEAD" and route.resource
        }
        assert described == served - {"GET /api/v1/openapi.json", "POST /EDI/{path}"}
        schemas = document["components"]["schemas"]
        used = set(_references(document))
        assert used == {f"#/components/schemas/{name}" for name in schemas}
        creation = document["paths"]["/api/v1/incidents"]["post"]
        assert creation["responses"].keys() == {"201", "202", "default"}
        assert creation["security"] == [{"token": []}]
        assert [p["name"] for p in creation["parameters"]] == ["Idempotency-Key"]
        listing = document["paths"]["/api/v1/incidents"]["get"]
        assert [p["name"] for p in listing["parameters"]] == ["after", "limit", "status"]


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _references(item)
