"""What is logged about a job carries the id of its incident."""

import asyncio
from uuid import UUID

from obstore.store import MemoryStore
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from events.envelope import Rejection
from events.jobs import JobRequest, token_of
from events.machines import MachineSettings
from events.values import IncidentId
from interfaces.machines.batch import BatchSystem
from interfaces.machines.budget import Toll
from interfaces.machines.connection import Unreachable
from interfaces.machines.work.hands import MachineHands
from managers.blobs import BlobStore
from managers.operations import Job, MachineJobs, Submit
from managers.runtime import Assignment
from managers.runtime.manager import Input
from tests.patience import PATIENCE

ONE = UUID(int=1)
TOKEN = token_of(ONE)


def away(settings: MachineSettings, toll: Toll) -> BatchSystem:
    raise Unreachable("no route to it")


def tell(_input: Input) -> "asyncio.Future[Rejection | None]":
    return asyncio.get_running_loop().create_future()


async def test_a_machine_that_is_away_is_logged_with_whose_job_waits_for_it() -> None:
    request = JobRequest(token=TOKEN, executable="fire", walltime=60)
    job = Job(IncidentId("i-1"), ONE, request, {}, UUID(int=2))
    machine = MachineJobs(MachineSettings(name="m", base_directory="/m"), jobs={TOKEN: job})
    hands = MachineHands(BlobStore(MemoryStore()), away)
    name = f"submit {TOKEN} 1"
    with capture_logs([merge_contextvars]) as lines:
        work = hands.begin(Assignment("m", name, machine, Submit(job), tell))
        async with asyncio.timeout(PATIENCE):
            while not lines:
                await asyncio.sleep(0)
        work.stop()
    (line,) = lines
    assert (line["incident"], line["cause"]) == ("i-1", f"operations.work/m/{name}")
    assert line["correlation"] == str(UUID(int=2))
    assert (line["machine"], line["error"]) == ("m", "no route to it")
