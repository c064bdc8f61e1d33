"""Machines as administrators add and change them, by the rules of the command line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from events.machines import FLEET, MachineAdded, MachineSettings
from events.operations import ConfigureMachine
from events.values import Context
from interfaces.gateway import GatewaySettings, gateway
from interfaces.machines.registry import why_wrong
from managers.machines import machine_manager
from projections import Pool
from projections.commands import find_outcome
from tests.interfaces.gateway.site import ANNA, BERT, ROOT, Site, managed, open_site, sent
from tests.patience import PATIENCE
from tests.projections.tables import all_caught_up

ALL = "/api/v1/machines"
NEW = {"name": "archer", "base_directory": "/jobs"}


@asynccontextmanager
async def administered(pool: Pool) -> AsyncIterator[Site]:
    """The manager of machines at work; there is none yet."""
    async with open_site(pool) as site, managed(site.story, machine_manager()):
        yield site


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


async def configured(site: Site) -> list[MachineSettings]:
    """What the Machine Interface was told, one after the other."""
    told = await sent(site.story, Context.MACHINES)
    return [command.settings for command in told if isinstance(command, ConfigureMachine)]


async def test_an_administrator_adds_a_machine_once(pool: Pool) -> None:
    async with administered(pool) as site:
        wanted = {**NEW, "nodes": 4, "enable": True, "accounts": {"of": {"anna": "fire"}}}
        for user in (ANNA, BERT):
            assert "administrators" in (await site.post(ALL, user, 403, json=wanted))["detail"]
        again = key()
        for _ in range(2):
            added = await site.post(ALL, ROOT, 201, json=wanted, headers=again)
        assert (added["enabled"], added["settings"]["nodes"]) == (True, 4)
        assert added["settings"]["accounts"]["of"] == {str(ANNA): "fire"}
        assert added == await site.get(f"{ALL}/archer")
        other = {**wanted, "nodes": 5}
        assert "another" in (await site.post(ALL, ROOT, 409, json=other, headers=again))["detail"]
        assert "other settings" in (await site.post(ALL, ROOT, 409, json=other))["detail"]
        assert len(await configured(site)) == 1


async def test_a_machine_that_was_removed_is_not_added_by_an_old_request(pool: Pool) -> None:
    async with administered(pool) as site:
        again = key()
        await site.post(ALL, ROOT, 201, json=NEW, headers=again)
        await site.post(f"{ALL}/archer/remove", ROOT)
        await site.post(ALL, ROOT, 409, json=NEW, headers=again)
        await site.get(f"{ALL}/archer", status=404)
        assert (await site.post(ALL, ROOT, 201, json=NEW))["name"] == "archer"


@pytest.mark.parametrize("name", ["a:b", "-x", "a" * 101, "%F0%9F%94%A5"])
async def test_a_machine_whose_name_none_can_have_is_not_there(pool: Pool, name: str) -> None:
    async with administered(pool) as site:
        for what in ("remove", "enable", "drain", "check"):
            await site.post(f"{ALL}/{name}/{what}", ROOT, 404)
        await site.get(f"{ALL}/{name}/audit", ROOT, 404)


POLICY = {"policy": {"critical": [{"name": "express", "cost": "nothing"}]}}
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "a name": ({"name": "../x"}, "name", "pattern"),
    "no directory": ({"base_directory": "jobs"}, "base_directory", "absolute"),
    "dialect": ({"dialect": "condor"}, "dialect", "there are: "),
    "connection": ({"connection": "carrier pigeon"}, "connection", "pattern"),
    "another connection": ({"connection": "pigeon"}, "connection", "there are: "),
    "number": ({"nodes": -1}, "nodes", "greater than 0"),
    "limit": ({"limits": {"commands": 0}}, "limits.commands", "greater than 0"),
    "misspelt limit": ({"limits": {"comands": 9}}, "limits.comands", "not permitted"),
    "misspelt": ({"slot": 9}, "slot", "not permitted"),
    "access": ({"connection": "ssh"}, "access.host", "required"),
    "batch": ({"dialect": "slurm", "batch": {"lag": "late"}}, "batch.lag", "number"),
    "variable": ({"environment": {"A B": "1"}}, "environment.A B", "pattern"),
    "slots": ({"slots": 10**30}, "slots", "less than or equal to 1000000"),
    "account": ({"accounts": {"of": {"anna": "z;rm -rf"}}}, "accounts.of", "made of letters"),
    "two lines": ({"accounts": {"of": {"anna": "a\nb"}}}, "accounts.of", "pattern"),
    "nothing bought": (POLICY, "policy.critical.0", "at least one of queue"),
    "site's account": ({"dialect": "slurm", "batch": {"account": "$x"}}, "batch.account", "made"),
    "sessions": (
        {"connection": "ssh", "access": {"host": "h", "sessions": 10**30}},
        "access.sessions",
        "less than or equal to 1000",
    ),
    "stranger": ({"accounts": {"of": {"zoe": "fire"}}}, "accounts.of.zoe", "no user"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_with_settings_is_said_by_field(pool: Pool, name: str) -> None:
    wrong, where, what = WRONG[name]
    async with administered(pool) as site:
        await site.post(ALL, ROOT, 201, json=NEW)
        refused = [await site.post(ALL, ROOT, 422, json={**NEW, "name": "new", **wrong})]
        if name != "a name":
            refused.append(await site.post(f"{ALL}/archer/edit", ROOT, 422, json=wrong))
        for problem in refused:
            fault = next(one for one in problem["errors"] if one["where"].startswith(where))
            assert what in fault["what"]
        assert len(await configured(site)) == 1


async def test_an_edit_changes_what_is_given_and_nothing_else(pool: Pool) -> None:
    async with administered(pool) as site:
        first = {"environment": {"A": "1", "B": "2"}, "limits": {"commands": 60}}
        accounts = {"of": {"anna": "fire", "bert": "flood"}, "only": True}
        policy = {"critical": [{"name": "urgent", "qos": "urgent"}]}
        more = {"accounts": accounts, "policy": policy, "agents": ["bridge"]}
        before = (await site.post(ALL, ROOT, 201, json={**NEW, **first, **more}))["settings"]
        path, flat = f"{ALL}/archer/edit", {"slots": 2, "templates": "kept"}
        change: dict[str, Any] = {"environment": {"A": None, "C": "3"}, **flat}
        await site.post(path, ANNA, 403, json=change)
        await site.post(f"{ALL}/none/edit", ROOT, 404, json=change)
        after = (await site.post(path, ROOT, json=change))["settings"]
        assert after == {**before, "environment": {"B": "2", "C": "3"}, **flat}
        change = {"accounts": {"of": {"bert": None}}, "agents": [], "test_mode": True}
        after = (await site.post(path, ROOT, json=change))["settings"]
        assert after["accounts"] == {"of": {str(ANNA): "fire"}, "only": True}
        assert (after["agents"], after["test_mode"], after["slots"]) == ([], True, 2)
        assert after["policy"] == before["policy"]


async def test_of_edits_at_once_none_undoes_another(pool: Pool) -> None:
    async with open_site(pool, GatewaySettings(write_deadline=0.2)) as site:
        first = {"limits": {"commands": 60}, "accounts": {"of": {str(ANNA): "fire"}}}
        added = MachineAdded(settings=MachineSettings.model_validate({**NEW, **first}))
        await site.story.commit(Context.MACHINES, FLEET, added)
        await all_caught_up(site.edge.reader, site.story)
        at_once: list[dict[str, Any]] = [
            {"slots": 3, "nodes": 2},
            {"limits": {"ask": 5}},
            {"accounts": {"of": {"bert": "flood"}}},
            {"accounts": {"only": True}, "environment": {"A": "1"}},
            {"nodes": 4},
        ]
        for change in at_once:  # nobody has decided them yet
            await site.post(f"{ALL}/archer/edit", ROOT, 202, json=change)
        async with managed(site.story, machine_manager()):
            async with asyncio.timeout(PATIENCE):
                while len(await configured(site)) < len(at_once):
                    await asyncio.sleep(0.01)
            await all_caught_up(site.edge.reader, site.story)
        now = (await site.get(f"{ALL}/archer"))["settings"]
    assert (now["slots"], now["nodes"], now["environment"]) == (3, 4, {"A": "1"})
    assert (now["limits"]["commands"], now["limits"]["ask"]) == (60, 5)
    assert now["accounts"] == {"of": {str(ANNA): "fire", str(BERT): "flood"}, "only": True}


async def test_an_edit_that_does_not_fit_any_more_is_refused(pool: Pool) -> None:
    async with open_site(pool, GatewaySettings(write_deadline=0.2)) as site:
        slurm = MachineSettings.model_validate({**NEW, "dialect": "slurm"})
        await site.story.commit(Context.MACHINES, FLEET, MachineAdded(settings=slurm))
        await all_caught_up(site.edge.reader, site.story)
        path, account = f"{ALL}/archer/edit", {"batch": {"account": "fire"}}
        await site.post(path, ROOT, 202, json={"dialect": "processes"})
        later = await site.post(path, ROOT, 202, json=account)  # nobody has decided them yet
        async with managed(site.story, machine_manager(why_wrong)):
            async with asyncio.timeout(PATIENCE):
                while not (told := await find_outcome(pool, UUID(later["command"]))):
                    await asyncio.sleep(0.01)
    assert not told.accepted
    assert told.reason is not None
    assert told.reason.startswith("machine archer: batch: account: ")


async def test_an_edit_that_is_sent_again_undoes_nobodys_edit(pool: Pool) -> None:
    async with administered(pool) as site:
        await site.post(ALL, ROOT, 201, json=NEW)
        path, mine, again = f"{ALL}/archer/edit", {"nodes": 2}, key()
        await site.post(path, ROOT, json=mine, headers=again)
        await site.post(path, ROOT, json={"nodes": 3, "slots": 3})
        found = (await site.post(path, ROOT, json=mine, headers=again))["settings"]
        assert (found["nodes"], found["slots"]) == (3, 3)
        await site.post(path, ROOT, 409, json={"nodes": 4}, headers=again)


async def test_an_edit_of_a_machine_that_is_being_removed_is_refused(pool: Pool) -> None:
    async with open_site(pool, GatewaySettings(write_deadline=0.2)) as site:
        added = MachineAdded(settings=MachineSettings.model_validate(NEW))
        await site.story.commit(Context.MACHINES, FLEET, added)
        await all_caught_up(site.edge.reader, site.story)
        await site.post(f"{ALL}/archer/remove", ROOT, 202)  # nobody has decided it yet
        change = key()
        later = await site.post(f"{ALL}/archer/edit", ROOT, 202, json={"nodes": 2}, headers=change)
        async with managed(site.story, machine_manager()):
            patient = replace(site.edge, settings=GatewaySettings())
            async with TestClient(TestServer(gateway(patient))) as client:
                headers = site.as_user(ROOT) | change
                async with client.post(
                    f"{ALL}/archer/edit", json={"nodes": 2}, headers=headers
                ) as response:
                    assert response.status in (404, 409), await response.text()
            await all_caught_up(site.edge.reader, site.story)
            outcome = await site.get(later["outcome"], ROOT)
            assert (outcome["accepted"], outcome["command"]) == (False, "EditMachine")
            assert outcome["reason"] == "there is no machine archer"
        assert not await configured(site)
