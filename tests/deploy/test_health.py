"""What `/health` of a process says of its parts, and of the machines that it works on."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from aiohttp import ClientSession

from deploy.parts import ALL, Part
from deploy.settings import Settings
from deploy.system import running_parts
from events.machines import FLEET, AddMachine, MachineSettings
from events.values import Context
from interfaces.gateway import PartHealth
from interfaces.issuing import Write, issue
from projections import PROJECTIONS
from tests.patience import PATIENCE
from tests.servers import database_url, server_url

__all__ = ["database_url", "server_url"]

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
                async with session.get("/health") as response:
                    found = (await response.json())["parts"]
                parts = {name: PartHealth.model_validate(part) for name, part in found.items()}
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
                async with session.get("/health") as response:
                    found = await response.json()
                health = PartHealth.model_validate(found["parts"]["operations"])
                if failure := health.failing.get("m"):
                    break
                await asyncio.sleep(0.05)
        assert found["status"] == "degraded"
        assert failure.times >= 3
        assert failure.reason
        async with session.get("/metrics") as response:
            assert 'vestec_part_broken{part="operations"} 1.0' in await response.text()
