"""Every error is problem details, with a sentence and without our insides."""

import asyncio
import json
from io import BytesIO
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from projections import Pool
from tests.interfaces.gateway.site import Site, incidents_managed, open_site
from tests.patience import PATIENCE

ID = "00000000-0000-4000-8000-000000000001"
NEW = "/api/v1/incidents"


def _large() -> bytes:
    """What is small enough for HTTP and too large for a record of the log."""
    return json.dumps({"kind": "p", "name": "A", "parameters": {"a": "x" * 1_040_000}}).encode()


BAD: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/nowhere", {}, 404),
    ("PUT", NEW, {}, 405),
    ("GET", f"{NEW}/{ID}", {}, 404),
    ("GET", f"{NEW}/fire", {}, 404),
    ("GET", f"{NEW}/{ID}/graph?format=png", {}, 400),
    ("GET", f"{NEW}?limit=lots", {}, 400),
    ("POST", NEW, {"data": b""}, 422),
    ("POST", NEW, {"data": b"{"}, 400),
    ("POST", NEW, {"data": b"\xff\xfe"}, 400),
    ("POST", NEW, {"json": {"kind": "../etc", "name": "A fire"}}, 422),
    ("POST", NEW, {"json": {"kind": "plain", "name": " "}}, 422),
    ("POST", NEW, {"json": {"kind": "plain", "name": "A", "excercise": True}}, 422),
    ("POST", NEW, {"json": {"kind": "plain", "name": "x" * 300}}, 422),
    ("POST", NEW, {"json": {"kind": "plain", "name": "A", "id": "one"}}, 422),
    ("POST", NEW, {"json": {"kind": "p", "name": "A"}, "headers": {"Idempotency-Key": "1"}}, 400),
    ("POST", NEW, {"data": BytesIO(_large())}, 413),
    ("POST", NEW, {"data": BytesIO(b"x" * 2_000_000)}, 413),
    ("POST", f"{NEW}/{ID}/cancel", {"json": {"reason": "x" * 2000}}, 422),
    ("GET", f"/api/v1/commands/{ID}", {}, 404),
    ("POST", "/api/v1/login", {"json": {"username": "anna"}}, 422),
    ("POST", "/EDI/nowhere", {"data": b"x"}, 404),
    ("POST", "/EDI/a%00b", {"data": b"x"}, 400),
    ("POST", "/EDI/%FF%FE", {"data": b"x"}, 404),
    ("GET", f"{NEW}?after=%00", {}, 400),
    ("GET", f"/api/v1/events?incident=%FF{ID}", {}, 404),
    ("POST", NEW, {"data": b'{"kind": "plain", "name": "\\ud800"}'}, 400),
    ("POST", NEW, {"data": b'{"kind": "plain", "name": "A", "parameters": {"a": NaN}}'}, 400),
    ("POST", NEW, {"data": b'{"kind": "plain", "name": "A", "parameters": {"a": [1e999]}}'}, 422),
]


async def test_every_error_is_a_problem(pool: Pool) -> None:
    async with open_site(pool) as site:
        for method, path, more, status in BAD:
            problem = await _problem(site, method, path, more, status)
            assert problem["instance"].startswith(path.partition("%")[0].partition("?")[0])
            assert len(problem["detail"].split()) > 3


async def _problem(site: Site, method: str, path: str, more: dict[str, Any], status: int) -> Any:
    headers = site.as_user() | more.get("headers", {})
    rest = {name: value for name, value in more.items() if name != "headers"}
    async with site.client.request(method, path, headers=headers, **rest) as response:
        text = await response.text()
        assert (response.status, response.content_type) == (status, "application/problem+json"), (
            f"{method} {path}: {text}"
        )
        problem = json.loads(text)
        assert problem["status"] == status
        return problem


async def test_a_body_that_does_not_fit_is_told_where(pool: Pool) -> None:
    async with open_site(pool) as site:
        wanted = {"kind": "plain", "exercise": "perhaps"}
        problem = await site.post(NEW, status=422, json=wanted)
        assert [error["where"] for error in problem["errors"]] == ["name", "exercise"]


async def test_a_method_that_is_not_taken_is_told_which_are(pool: Pool) -> None:
    async with open_site(pool) as site, site.client.delete(NEW) as response:
        assert response.headers["Allow"] == "GET,HEAD,POST"


async def test_a_defect_shows_nothing_of_our_insides(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret is Rosebud")

    async with open_site(pool) as site:
        monkeypatch.setattr("interfaces.gateway.incidents.find_incident", broken)
        problem = await site.get(f"{NEW}/{uuid4()}", status=500)
        assert "Rosebud" not in json.dumps(problem)


async def test_lines_of_a_request_say_which_whose_and_of_what_command(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    id, key = str(uuid4()), str(uuid4())
    path = f"{NEW}/{id}/cancel"
    async with open_site(pool) as site, incidents_managed(site.story):
        await site.post(NEW, status=201, json={"kind": "plain", "name": "A", "id": id})
        with capture_logs([merge_contextvars]) as lines, monkeypatch.context() as patch:
            patch.setattr("interfaces.gateway.writes.issue", broken)
            await site.post(path, status=500, headers={"Idempotency-Key": key})
            patch.setattr("interfaces.gateway.incidents.list_incidents", broken)
            await site.get(NEW, status=500)
    cancelled, listed = (line for line in lines if line["event"] == "request failed")
    said = [cancelled.get(name) for name in ("cause", "incident", "correlation")]
    assert said == [f"POST {path}", id, key]
    said = [listed.get(name) for name in ("cause", "incident", "correlation")]
    assert said == [f"GET {NEW}", None, None]


async def test_a_database_that_is_away_is_a_reason_to_wait(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise asyncpg.CannotConnectNowError("the database system is starting up")

    async with open_site(pool) as site:
        with monkeypatch.context() as patch:
            patch.setattr("interfaces.gateway.incidents.list_incidents", away)
            async with site.client.get(NEW, headers=site.as_user()) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "5")
        await site.get(NEW)


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: -5\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\nZZ\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalfZZ\r\n",
        "no colon\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_too(pool: Pool, head: str) -> None:
    async with open_site(pool) as site:
        url = site.client.make_url("/")
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"POST /api/v1/login HTTP/1.1\r\nHost: x\r\n{head}".encode())
        async with asyncio.timeout(PATIENCE):
            answer = (await reader.readuntil(b"}")).decode()
        writer.close()
    assert answer.partition(" ")[2].startswith("400 ")
    assert "Content-Type: application/problem+json" in answer
    assert "cannot be read as HTTP" in json.loads(answer.partition("\r\n\r\n")[2])["detail"]
