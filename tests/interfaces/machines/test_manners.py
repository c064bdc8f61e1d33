"""How often a machine is looked at and its scheduler asked, on a clock that jumps."""

import asyncio
import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from uuid import UUID

import pytest
from obstore.store import MemoryStore

from deploy.on_machines import COMMANDS, SUBMISSIONS, manners_of
from events.envelope import Rejection
from events.jobs import JobId, JobReport, JobRequest, Part, token_of
from events.machines import MachineLimits, MachineSettings
from events.values import IncidentId
from interfaces.machines.connection import CommandFailed
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.work.hands import MachineHands
from interfaces.machines.work.machine import Manners
from managers.blobs import BlobStore
from managers.operations import Job, MachineJobs, Phase, Watch
from managers.runtime import Assignment
from managers.runtime.manager import Input
from workflows.testing.clock import run_jumping

ONE = UUID(int=1)
TOKEN = token_of(ONE)
SETTINGS = MachineSettings(name="m", base_directory="/m")


class Asked(SimulatedBatchSystem):
    """A machine that notes when it is looked at, and when its scheduler is asked."""

    def __init__(self, trouble: Exception | None) -> None:
        super().__init__()
        self.trouble = trouble
        self.looks: list[float] = []
        self.asks: list[float] = []

    async def observe(
        self, parts: Collection[Part], *, ask_scheduler: bool = False
    ) -> list[JobReport]:
        (self.asks if ask_scheduler else self.looks).append(asyncio.get_running_loop().time())
        if self.trouble:
            raise self.trouble
        return []


@dataclass
class Watching:
    """A watch over one job, about which somebody wishes to know every second."""

    batch: Asked
    manners: Manners
    reachable: bool = True

    async def run(self, seconds: int) -> None:
        hands = MachineHands(
            BlobStore(MemoryStore()), lambda *_: self.batch, lambda _: self.manners,
            chance=random.Random(1),
        )  # fmt: skip
        request = JobRequest(token=TOKEN, executable="fire", walltime=60)
        job = Job(IncidentId("i"), ONE, request, {}, phase=Phase.SETTLED, job_id=JobId("1"))
        jobs = MachineJobs(SETTINGS, jobs={TOKEN: job}, reachable=self.reachable)
        work = hands.begin(Assignment("m", "watch", jobs, Watch(jobs), _tell))
        for wish in range(seconds):
            await asyncio.sleep(1)
            work.update(Watch(replace(jobs, jobs={TOKEN: replace(job, refresh=wish)})))
        work.stop()


def _tell(_input: Input) -> "asyncio.Future[Rejection | None]":
    told: asyncio.Future[Rejection | None] = asyncio.get_running_loop().create_future()
    told.set_result(None)
    return told


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


def test_wishes_to_know_wait_until_the_centre_allows_the_next_question() -> None:
    batch = Asked(None)
    run_jumping(Watching(batch, Manners(look=2, ask=60, ask_least=30)).run(300))
    assert len(batch.asks) > 5
    assert min(gaps(batch.asks)) >= 30
    assert max(gaps(batch.asks)) <= 33
    assert len(batch.looks) > 50


def test_wishes_in_quick_succession_are_one_question_and_no_looks() -> None:
    batch = Asked(None)
    run_jumping(Watching(batch, Manners(look=2, ask=60, wish=10)).run(300))
    assert len(batch.asks) > 20
    assert min(gaps(batch.asks)) >= 10
    assert max(gaps(batch.asks)) <= 12
    assert 100 < len(batch.looks) <= 150


def test_who_begins_anew_asks_as_if_it_had_asked_a_moment_ago() -> None:
    batch = Asked(None)
    run_jumping(Watching(batch, Manners(look=2, ask=60, ask_least=30)).run(40))
    (asked,) = batch.asks
    assert 30 <= asked <= 33
    assert batch.looks[0] == 0


@pytest.mark.parametrize("reachable", [True, False])
def test_a_scheduler_that_fails_is_not_asked_more_often_either(reachable: bool) -> None:
    batch = Asked(CommandFailed("slurmctld is away"))
    watching = Watching(batch, Manners(look=2, ask=60, ask_least=30), reachable)
    run_jumping(watching.run(300))
    assert len(batch.asks) >= 4
    assert min(gaps(batch.asks)) >= 30


def test_limits_of_a_machine_go_over_those_of_the_system() -> None:
    def manners(connection: str, **limits: float) -> Manners:
        more = {"connection": connection, "limits": MachineLimits.model_validate(limits)}
        return manners_of(SETTINGS.model_copy(update=more), look=2, ask=60)

    far = manners("ssh")
    assert (far.look, far.ask, far.commands, far.submissions) == (2, 60, COMMANDS, SUBMISSIONS)
    assert far.wish == 10
    here = manners("local")
    assert (here.look, here.ask, here.commands) == (0.2, 5, float("inf"))
    strict = manners("local", commands=30, submissions=2, ask=120, ask_least=300)
    assert (strict.commands, strict.submissions) == (30, 2)
    assert strict.ask == strict.ask_least == 300
