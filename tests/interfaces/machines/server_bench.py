"""A batch system of a server under test, and what is tested on each: the contract and a bit more.

Not here: what needs slots and seconds of walltime as `processes` has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from events.jobs import (
    After,
    Dependency,
    JobOptions,
    JobReport,
    JobRequest,
    JobState,
    Token,
    Witness,
)
from events.machines import MachineLoad
from interfaces.machines.connection import Connection
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from interfaces.machines.dialect import Dialect, Refused, Submitted
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.shell import ShellBatchSystem
from tests.account import Login
from tests.interfaces.machines import test_batch_contract as contract
from tests.interfaces.machines.conftest import ShellBench, chunks
from tests.sshd import Sshd

T = TypeVar("T")


class ServerBench(ShellBench):
    """A machine with a batch system of its own, on which one job of ours runs at a time."""

    options = JobOptions()
    accounts_tell_times = True
    dialect: Dialect
    connection: Connection
    login: Login
    """Where the server is a real one."""

    def __init__(self, folder: Path, connect: Callable[[], Connection]) -> None:
        super().__init__(folder / f"it's {uuid4()}", 1, connect)

    def restart(self) -> None:
        self.dialect = self._dialect(self.layout)
        self.connection = self._connect()
        self.system = ShellBatchSystem(self.connection, self.dialect, self.layout)

    def _dialect(self, layout: Layout) -> Dialect:
        raise NotImplementedError

    def request(self, executable: str, walltime: int = 60, nodes: int = 1) -> JobRequest:
        request = super().request(executable, walltime, 1)
        options = self.options
        if executable == self.refused:
            options = options.model_copy(update={"queue": "nowhere"})
        return request.model_copy(update={"options": options, "cpus_per_task": 4})

    async def go(self, request: JobRequest, **inputs: bytes) -> Submitted | Refused:
        files = {name.replace("__", "."): chunks(data) for name, data in inputs.items()}
        await self.system.prepare(request.token, files)
        return await self.system.submit(request, 1)

    def prepared(self) -> list[Token]:
        """The jobs that have a folder."""
        return [Token(folder.name) for folder in Path(self.layout.base, "jobs").glob("*")]

    def said(self, name: str) -> str:
        """What jobs wrote into the base directory."""
        return Path(self.layout.base, name).read_text()

    async def pass_time(self) -> None:
        await asyncio.sleep(0.2)


@asynccontextmanager
async def reached(
    login: Login, kind: type[ServerBench], servers: Callable[..., Sshd]
) -> AsyncIterator[ServerBench]:
    """A bench on which the ordinary user logs in over SSH; jobs that are left are cancelled."""
    shell = login.shell(login.folder.parent / "shell")
    with servers(f"ForceCommand {shell}") as server:
        access = SshAccess.model_validate(server.access())
        async with SshConnection(access) as connection:
            bench = kind(login.folder, lambda: connection)
            bench.login = login
            yield bench
            await asyncio.gather(*(bench.system.cancel(token) for token in bench.prepared()))


test_a_job_completes = contract.test_a_job_completes_and_leaves_its_results
test_the_end_is_known = contract.test_the_end_is_known_without_asking_the_scheduler
test_a_program_that_exits_3 = contract.test_a_program_that_exits_3_has_failed
test_a_running_job = contract.test_a_running_job_is_cancelled
test_a_queued_job = contract.test_a_queued_job_is_cancelled_and_never_starts
test_cancelled_before_it_is_submitted = (
    contract.test_a_job_cancelled_before_it_is_submitted_never_gets_there
)
test_an_array = contract.test_each_instance_of_an_array_runs_once_and_has_an_end_of_its_own
test_a_cancelled_array = contract.test_a_cancelled_array_ends_as_a_whole
test_what_ended = contract.test_what_ended_cannot_be_cancelled
test_an_impossible_job = contract.test_an_impossible_job_is_refused_for_ever
test_a_held_job = contract.test_a_held_job_starts_when_it_is_released
test_a_job_that_nobody_submitted = contract.test_a_job_that_nobody_submitted_is_not_found
test_the_same_submission = contract.test_the_same_submission_gives_the_recorded_answer
test_a_second_copy = contract.test_a_second_copy_is_turned_away_and_counted
test_a_later_submission = contract.test_a_later_submission_takes_the_place_of_those_before_it
test_another_process = contract.test_another_process_goes_on_with_the_jobs


async def test_the_machine_has_what_is_needed_and_tells_its_load(bench: ServerBench) -> None:
    await bench.system.check()

    async def idle() -> MachineLoad | None:
        """Of jobs of other tests, which were cancelled a moment ago."""
        load = await bench.system.load()
        return load if load.running == load.slots_used == 0 else None

    before = await bench.until(idle)
    token = await bench.submitted(bench.long)
    await bench.report(token, JobState.RUNNING)
    after = await bench.system.load()
    assert {queue.name for queue in after.queues} == {"work", "short", "down"}
    assert (after.running, after.slots_used) == (1, 4)
    assert before.slots == after.slots


async def accounted(bench: ServerBench, token: Token) -> JobReport:
    """What the accounts alone say, when they do."""

    async def told() -> JobReport | None:
        return await bench.system.hear(Witness.ACCOUNTING, token)

    return await bench.until(told)


async def test_the_accounts_tell_of_an_end_when_asked_since_its_submission(
    bench: ServerBench,
) -> None:
    token = await bench.submitted(bench.fail)
    await bench.report(token, JobState.FAILED)
    report = await accounted(bench, token)
    assert (report.state, report.exit_code) == (JobState.FAILED, 3)
    assert report.witness == Witness.ACCOUNTING
    assert bool(report.started and report.ended) is bench.accounts_tell_times


async def test_the_accounts_tell_of_a_cancelled_job(bench: ServerBench) -> None:
    token = await bench.submitted(bench.long)
    await bench.begun(token)  # before that its wrapper would find it cancelled, and end by itself
    await bench.system.cancel(token)
    assert (await accounted(bench, token)).state == JobState.CANCELLED


async def test_a_dependency_is_waited_for(bench: ServerBench) -> None:
    first = bench.request("sleep 2; echo one >>../../order")
    options = bench.options.model_copy(
        update={"after": (Dependency(token=first.token, on=After.ENDED),)}
    )
    second = bench.request("echo two >>../../order").model_copy(update={"options": options})
    assert isinstance(await bench.go(first), Submitted)
    assert isinstance(await bench.go(second), Submitted)
    await bench.report(second.token, JobState.COMPLETED)
    assert bench.said("order") == "one\ntwo\n"


async def test_a_job_starts_from_a_template_and_runs_inputs_that_are_programs(
    bench: ServerBench,
) -> None:
    """The first job makes the template."""
    making = r"cd ../.. && mkdir -p templates/flood && cd templates/flood && "
    making += r"printf '#!/bin/sh\ncat gauge.csv\n' >flood && chmod +x flood"
    await bench.report(await bench.submitted(making), JobState.COMPLETED)
    request = bench.request("./run.sh")
    inputs = {"run.sh": chunks(b"#!/bin/sh\nexec ./flood\n"), "gauge.csv": chunks(b"3.2\n")}
    await bench.system.prepare(request.token, inputs, "flood")
    assert isinstance(await bench.system.submit(request, 1), Submitted)
    await bench.report(request.token, JobState.COMPLETED)
    assert await contract.content(bench, request.token, "stdout") == b"3.2\n"
