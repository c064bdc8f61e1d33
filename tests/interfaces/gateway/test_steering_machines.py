"""Machines as administrators steer them, and what others may see of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.machines import (
    FLEET,
    LOGIN_NEEDED,
    MachineAdded,
    MachineChosen,
    MachineLeft,
    MachineRejoined,
    MachineSeen,
    MachineSettings,
)
from events.operations import CheckIntended
from events.values import Context, IncidentId
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.simulated.fates import Fate, Planned
from interfaces.machines.work.hands import MachineHands
from managers.machines import machine_manager
from managers.operations import operations_manager
from projections import Pool
from tests.interfaces.gateway.site import ANNA, BERT, ROOT, Site, managed, open_site
from tests.interfaces.machines.hands_site import QUICK
from tests.patience import PATIENCE
from tests.projections.tables import all_caught_up

ALL = "/api/v1/machines"
HERE = f"{ALL}/archer"
JOB = {"resources": {"walltime": 60}}
THERE = MachineChosen(
    simulation=UUID(int=7), incident=IncidentId("fire"), name="archer", explanation="the only one"
)


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


@asynccontextmanager
async def fleet(pool: Pool, *more: Any) -> AsyncIterator[Site]:
    """The machine `archer`, with its manager at work."""
    async with open_site(pool) as site:
        settings = MachineSettings(name="archer", base_directory="/jobs")
        await site.story.commit(Context.MACHINES, FLEET, MachineAdded(settings=settings), *more)
        await all_caught_up(site.edge.reader, site.story)
        async with managed(site.story, machine_manager()):
            yield site


@asynccontextmanager
async def working(pool: Pool) -> AsyncIterator[Site]:
    """The same with hands on it: a model of a batch system in which jobs are soon over."""
    system = SimulatedBatchSystem(Planned({}, Fate(run=0.05)))
    async with open_site(pool) as site:
        hands = MachineHands(site.edge.blobs, lambda *_: system, lambda _: QUICK)
        operations = operations_manager(hands.begin)
        async with managed(site.story, machine_manager()), managed(site.story, operations):
            await site.post(ALL, ROOT, 201, json={"name": "archer", "base_directory": "/jobs"})
            yield site


async def polled(site: Site, path: str) -> Any:
    """What is at the address once it is known; it says so until then."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with site.client.get(path, headers=site.as_user()) as response:
                found = await response.json()
                if response.status != 202:
                    assert response.status == 200, found
                    return found
                assert found["outcome"] == path
            await asyncio.sleep(0.02)


STEPS = ("enable", "disable", "drain", "remove", "check", "estimate", "edit", "login")


@pytest.mark.parametrize("step", STEPS)
async def test_only_administrators_steer_machines_that_there_are(pool: Pool, step: str) -> None:
    async with fleet(pool) as site:
        body = JOB if step == "estimate" else {}
        for user in (ANNA, BERT):
            refused = await site.post(f"{HERE}/{step}", user, 403, json=body)
            assert "administrators" in refused["detail"]
        await site.post(f"{ALL}/none/{step}", ROOT, 404, json=body)
        async with site.client.post(f"{HERE}/{step}", json=body) as response:
            assert response.status == 401
        assert await site.get(HERE) == await site.get(HERE, ROOT)


async def test_a_machine_is_enabled_and_disabled(pool: Pool) -> None:
    async with fleet(pool) as site:
        again = key()
        for _ in range(2):
            assert (await site.post(f"{HERE}/enable", ROOT, headers=again))["enabled"]
        assert not (await site.post(f"{HERE}/disable", ROOT))["enabled"]
        # Sent again, late: it is known to have been done, and is not done against the newer word.
        assert not (await site.post(f"{HERE}/enable", ROOT, headers=again))["enabled"]


async def test_a_machine_is_drained_when_none_of_our_jobs_is_there(pool: Pool) -> None:
    async with fleet(pool, THERE) as site:
        await site.post(f"{HERE}/enable", ROOT)
        later = await site.post(f"{HERE}/drain", ROOT, 202)
        assert later["detail"] == "1 of our jobs are on archer, or on their way there"
        found = await site.get(later["outcome"])
        assert (found["enabled"], found["simulations"]) == (False, [str(THERE.simulation)])
        moved = {"base_directory": "/elsewhere"}
        for refused in (
            await site.post(f"{HERE}/remove", ROOT, 409),
            await site.post(f"{HERE}/edit", ROOT, 409, json=moved),
        ):
            assert "drain it first" in refused["detail"]


async def test_a_machine_without_jobs_of_ours_is_drained_at_once(pool: Pool) -> None:
    async with fleet(pool, THERE, MachineLeft(simulation=THERE.simulation, name="archer")) as site:
        await site.post(f"{HERE}/enable", ROOT)
        found = await site.post(f"{HERE}/drain", ROOT)
        assert (found["enabled"], found["simulations"]) == (False, [])


async def test_a_job_that_comes_back_is_on_its_machine_again(pool: Pool) -> None:
    left = MachineLeft(simulation=THERE.simulation, name="archer")
    back = MachineRejoined(simulation=THERE.simulation, name="archer")
    async with fleet(pool, THERE, left, back) as site:
        later = await site.post(f"{HERE}/drain", ROOT, 202)
        assert later["detail"] == "1 of our jobs are on archer, or on their way there"


async def test_a_machine_is_removed_once(pool: Pool) -> None:
    async with fleet(pool) as site:
        again = key()
        for _ in range(2):
            assert (await site.post(f"{HERE}/remove", ROOT, headers=again))["accepted"]
        await site.post(f"{HERE}/remove", ROOT, 404)
        await site.get(HERE, status=404)


async def test_a_check_is_told_where_it_says_and_is_made_once(pool: Pool) -> None:
    async with working(pool) as site:
        await site.get(f"{HERE}/checkup", status=404)
        again = key()
        asked = await site.post(f"{HERE}/check", ROOT, 202, headers=again)
        assert asked["command"] == again["Idempotency-Key"]
        found = await polled(site, asked["outcome"])
        assert {one["about"] for one in found["checkup"]["findings"]} >= {"connection", "scheduler"}
        machine = await site.get(HERE)
        assert found == {name: machine[name] for name in ("checked", "checkup")}
        assert await site.post(f"{HERE}/check", ROOT, 202, headers=again) == asked
        assert await polled(site, asked["outcome"]) == found
        site.story.now += 1
        newer = await site.post(f"{HERE}/check", ROOT, 202)
        newest = await polled(site, newer["outcome"])
        assert newest["checked"] > found["checked"]
        await all_caught_up(site.edge.reader, site.story)
        lines = (await site.get(f"{HERE}/audit", ROOT))["items"]
        assert [line["result"] for line in lines if "intended" in line["result"]] == [
            "intended, with a job of a second"
        ] * 2
        await site.get(f"{HERE}/checkup?since=yesterday", status=400)


async def test_a_check_waits_for_a_login(pool: Pool) -> None:
    refused = MachineSeen(name="archer", reachable=False, reason="no key", login_needed=True)
    async with fleet(pool, refused) as site:
        told = await site.post(f"{HERE}/check", ROOT, 409)
        assert "vestec machines login archer" in told["detail"]
        path = f"{HERE}/checkup?since=2026-01-01T00:00:00Z"
        later = await site.get(path, status=202)
        assert LOGIN_NEEDED in later["detail"]
        assert later["outcome"] == path


async def test_when_a_job_would_start_is_told(pool: Pool) -> None:
    async with working(pool) as site:
        asked = await site.post(f"{HERE}/estimate", ROOT, 202, json=JOB)
        assert (await polled(site, asked["outcome"]))["id"] == asked["command"]
        for wrong, where in (
            ({}, "resources"),
            ({"resources": {"walltime": -1}}, "resources.walltime"),
            ({"resources": {"walltime": 1, "node": 2}}, "resources.node"),
            ({"resources": {"walltime": 1, "nodes": 10**30}}, "resources.nodes"),
            ({**JOB, "options": {"account": "z;rm -rf"}}, "options.account"),
        ):
            problem = await site.post(f"{HERE}/estimate", ROOT, 422, json=wrong)
            assert [one["where"] for one in problem["errors"]] == [where]
        await site.get(f"{HERE}/estimates/{uuid4()}", status=404)


async def test_an_audit_is_read_in_pages_by_administrators(pool: Pool) -> None:
    async with fleet(pool) as site:
        checks = [CheckIntended(check=UUID(int=n)) for n in range(5)]
        await site.story.commit(Context.OPERATIONS, "archer", *checks[:2])
        await site.story.commit(Context.OPERATIONS, "other", CheckIntended(check=uuid4()))
        await site.story.commit(Context.OPERATIONS, "archer", *checks[2:])
        await all_caught_up(site.edge.reader, site.story)
        path = f"{HERE}/audit"
        whole = (await site.get(path, ROOT))["items"]
        assert len(whole) == 5
        assert whole[0]["time"] > whole[-1]["time"]
        read, after = [], ""
        for size in (2, 2, 1):
            page = await site.get(f"{path}?limit=2{after}", ROOT)
            assert len(page["items"]) == size
            read += page["items"]
            after = f"&after={page['next']}"
        assert (read, page["next"]) == (whole, None)
        for junk in ("x", "1.2.3", "9" * 40 + ".0", "-1.0", ""):
            await site.get(path, ROOT, 400, params={"after": junk})
        await site.get(f"{path}?limit=0", ROOT, 400)
        await site.get(path, ANNA, 403)
        await site.get(f"{ALL}/none/audit", ROOT, 404)
        await site.post(f"{HERE}/remove", ROOT)
        await all_caught_up(site.edge.reader, site.story)
        assert (await site.get(path, ROOT))["items"] == whole  # for ever
