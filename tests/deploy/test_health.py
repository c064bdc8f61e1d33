"""What `/health` of a process says of its parts, and of the machines that it works on."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from aiohttp import ClientSession

from bus import HybridClock
from deploy.parts import ALL, Part
from deploy.settings import Settings
from deploy.system import System, running_parts
from events.machines import FLEET, AddMachine, MachineSettings
from events.values import Context
from interfaces.gateway import PartHealth
from interfaces.issuing import Write, issue
from projections import PROJECTIONS
from tests.brokers import distant_kafka, distant_url, proxy
from tests.patience import PATIENCE
from tests.proxy import Proxy
from tests.room import short_folder
from tests.servers import database_url, reached_at, server_url, socket_of

__all__ = ["database_url", "distant_kafka", "distant_url", "proxy", "server_url"]


@asynccontextmanager
async def distant_database(url: str) -> AsyncIterator[tuple[str, Proxy]]:
    """Where it is reached through a proxy, and that."""
    with short_folder() as folder:
        socket = Path(folder, socket_of(url).name)
        async with Proxy.listening(socket, socket_of(url)) as proxy:
            yield reached_at(url, socket), proxy


PARTS = frozenset({Part.MACHINE_STATUS_MANAGER, Part.MACHINE_INTERFACE, Part.PROJECTIONS})


async def test_every_part_says_what_it_owns_since_when_and_how_far_it_is_behind(
    database_url: str, tmp_path: Path
) -> None:
    wanted = Settings(
        data=tmp_path, log=database_url, blobs=f"file://{tmp_path}/blobs", port=0, agent="bridge"
    )
    named = MachineSettings(
        name="m", dialect="processes", base_directory=str(tmp_path / "jobs"), agents=("bridge",)
    )
    started = datetime.now(UTC)
    async with running_parts(ALL, wanted) as system, ClientSession(system.url) as session:
        storage, add = system.storage, AddMachine(settings=named)
        write = Write(uuid4(), Context.MACHINES, FLEET, add)
        await issue(storage.log, storage.clock, write, "test")
        async with asyncio.timeout(PATIENCE):
            while True:
                _, found = await look(session)
                parts = {
                    name: PartHealth.model_validate(part) for name, part in found["parts"].items()
                }
                if all(part.owns and part.since and part.behind == 0 for part in parts.values()):
                    break
                await asyncio.sleep(0.05)
        assert parts.keys() == {*Context, "agent", "projections"}
        assert parts["agent"].owns == ["m"]
        assert parts["projections"].owns == sorted(one.name for one in PROJECTIONS)
        assert all(part.since and part.since >= started for part in parts.values())


async def test_a_machine_that_fails_is_in_the_health_of_who_works_on_it(
    database_url: str, tmp_path: Path
) -> None:
    wanted = Settings(
        data=tmp_path, log=database_url, blobs=f"file://{tmp_path}/blobs", port=0, look=0.05
    )
    broken = MachineSettings(
        name="m", dialect="lsf", base_directory=str(tmp_path / "jobs"), limits={"ask": 0.05}
    )
    async with running_parts(PARTS, wanted) as system, ClientSession(system.url) as session:
        storage, add = system.storage, AddMachine(settings=broken)
        write = Write(uuid4(), Context.MACHINES, FLEET, add)
        await issue(storage.log, storage.clock, write, "test")
        async with asyncio.timeout(PATIENCE):
            while True:
                _, found = await look(session)
                health = PartHealth.model_validate(found["parts"]["operations"])
                if failure := health.failing.get("m"):
                    break
                await asyncio.sleep(0.05)
        assert found["status"] == "degraded"
        assert failure.times >= 3
        assert failure.reason
        async with session.get("/metrics") as response:
            assert 'vestec_part_broken{part="operations"} 1.0' in await response.text()


@pytest.mark.parametrize("away", ["log", "database"])
async def test_what_is_known_is_shown_soon_while_something_is_away(
    away: Literal["log", "database"],
    distant_url: str,
    proxy: Proxy,
    database_url: str,
    tmp_path: Path,
) -> None:
    """As after the network swallows all: who asks would otherwise wait for a call's deadline."""
    async with distant_database(database_url) as (url, before_database):
        wanted = Settings(
            data=tmp_path,
            log=distant_url,
            database=url,
            blobs=f"file://{tmp_path}/blobs",
            port=0,
            append_deadline=60,
        )
        async with running_parts(PARTS, wanted) as system, ClientSession(system.url) as session:
            async with asyncio.timeout(PATIENCE):
                while True:
                    status, found = await look(session)
                    known = found["parts"].values()
                    if status == 200 and all(part["since"] for part in known):
                        break
                    await asyncio.sleep(0.05)
            gates = (proxy if away == "log" else before_database).gates
            gates.close()
            began = time.monotonic()
            status, now = await look(session)
            took = time.monotonic() - began
            gates.open()
        assert took < wanted.append_deadline / 2
        assert (status, now["status"]) == (503, "degraded")
        assert "cannot be reached" in now["storage"]
        for name, part in now["parts"].items():
            before = found["parts"][name]
            assert (part["owns"], part["since"]) == (before["owns"], before["since"])
            assert away == "database" or part["behind"] is None


async def test_requests_do_not_wait_for_a_database_that_hangs(
    database_url: str, tmp_path: Path
) -> None:
    async with distant_database(database_url) as (url, before_database):
        blobs = f"file://{tmp_path}/blobs"
        wanted = Settings(data=tmp_path, log=database_url, database=url, blobs=blobs, port=0)
        parts = frozenset({Part.GATEWAY, Part.EXTERNAL_DATA, Part.PROJECTIONS})
        async with running_parts(parts, wanted) as system, ClientSession(system.url) as session:
            before_database.gates.close()
            login = {"username": "ada", "password": "pw"}
            asked = [
                session.post("/EDI/somewhere", data=b"1"),
                session.post("/api/v1/login", json=login),
            ]
            async with asyncio.timeout(30):  # a statement has a minute otherwise
                answers = await asyncio.gather(*asked)
            before_database.gates.open()
        assert [(one.status, "Retry-After" in one.headers) for one in answers] == [(503, True)] * 2


async def test_a_clock_that_goes_wrong_is_said_and_nothing_is_lost(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Wall()
    monkeypatch.setattr("deploy.storage.time", wall)
    wanted = Settings(data=tmp_path, log=database_url, blobs=f"file://{tmp_path}/blobs", port=0)
    async with running_parts(PARTS, wanted) as system, ClientSession(system.url) as session:
        clock, log = system.storage.clock, system.storage.log
        for name, wall.ahead, said in (("behind", -600, "600 s behind"), ("ahead", 7200, "7200 s")):
            command = AddMachine(settings=MachineSettings(name=name, base_directory="/"))
            right = HybridClock(time.time)
            await issue(log, right, Write(uuid4(), Context.MACHINES, FLEET, command), "test")
            async with asyncio.timeout(PATIENCE):
                while said not in (found := await known(session))["clock"]:
                    await asyncio.sleep(0.05)
            assert found["status"] == "degraded"
        wall.ahead = 0
        command = AddMachine(settings=MachineSettings(name="late", base_directory="/"))
        await issue(log, clock, Write(uuid4(), Context.MACHINES, FLEET, command), "test")
        async with asyncio.timeout(PATIENCE):
            while await machines(system) != {"behind", "ahead", "late"}:
                await asyncio.sleep(0.05)
        assert (await known(session))["clock"] == "ok"


async def look(session: ClientSession) -> tuple[int, Any]:
    """The status of an answer, and what it says."""
    async with session.get("/health") as response:
        return response.status, await response.json()


async def known(session: ClientSession) -> Any:
    """What is said as soon as servers answer in time, which on a busy machine they may not."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status, found = await look(session)
            if status == 200:
                return found


class Wall:
    """Stands for the module `time`, on a machine whose clock is wrong."""

    ahead = 0.0
    """Seconds."""

    def time(self) -> float:
        return time.time() + self.ahead


async def machines(system: System) -> set[str]:
    rows = await system.storage.pool.fetch("select name from vestec_read.machines")
    return {row["name"] for row in rows}
