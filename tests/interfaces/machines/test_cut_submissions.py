"""Submissions over a connection that is cut at any byte: the program runs once, each time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from deploy.ports import free_ports
from events.jobs import JobReport, JobRequest, JobState
from interfaces.machines.connection import MachineError
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from interfaces.machines.dialect import Dialect, InDoubt, Refused, Submitted
from interfaces.machines.dialects.processes import Processes
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.shell import ShellBatchSystem
from tests.interfaces.machines.conftest import new_token
from tests.patience import PATIENCE
from tests.proxy import Proxy
from tests.sshd import HOST, Sshd

if TYPE_CHECKING:
    from tests.slurm import Slurm as RealSlurm

CUTS = 12
"""In each of these parts of the exchange, one."""
WITNESS = "witness"


@asynccontextmanager
async def far(
    server: Sshd, dialect: Dialect, layout: Layout
) -> AsyncIterator[tuple[Proxy, ShellBatchSystem]]:
    """A machine by way of a proxy, which is reached again at once after a cut."""
    (port,) = free_ports(1)
    access = server.access(
        host=f"{HOST}:{port}", known_hosts=None, host_key=server.public("host").strip()
    )
    connection = SshConnection(SshAccess.model_validate(access))
    async with (
        Proxy.listening(port, server.port) as proxy,
        ShellBatchSystem(connection, dialect, layout) as system,
    ):
        yield proxy, system


def request() -> JobRequest:
    return JobRequest(token=new_token(), executable="echo started >>witness", walltime=60)


async def insist(system: ShellBatchSystem, wanted: JobRequest) -> Submitted | Refused:
    """As hands do it: in doubt the same submission again, which never goes out twice; then look."""
    number = 1
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await system.submit(wanted, number)
            except InDoubt as doubt:
                found = await look(system, wanted)
                if found is not None:
                    return found
                number += doubt.wait == 0
            except MachineError:
                await asyncio.sleep(0.02)


async def look(system: ShellBatchSystem, wanted: JobRequest) -> Submitted | None:
    report = await found(system, wanted)
    return Submitted(report.job_id) if report and report.job_id else None


async def found(system: ShellBatchSystem, wanted: JobRequest) -> JobReport | None:
    """What is known of a job, as soon as the machine answers."""
    while True:
        with suppress(MachineError):
            return (await system.find([wanted.token])).get(wanted.token)
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("part", range(CUTS))
async def test_a_submission_cut_at_any_byte_runs_once(
    sshd: Sshd, tmp_path: Path, part: int
) -> None:
    layout = Layout(PurePosixPath(tmp_path))
    async with far(sshd, Processes(layout, 4), layout) as (proxy, system):
        exchange = await measured(proxy, system)
        wanted = await submitted_over_a_cut(proxy, system, part * exchange // CUTS)
        await ran_once(system, wanted)


async def test_submissions_to_slurm_that_are_cut_run_once(
    slurm: RealSlurm, sshds: Callable[..., Sshd], tmp_path: Path
) -> None:
    layout = Layout(PurePosixPath(slurm.login.folder / uuid4().hex))
    shell = slurm.login.shell(tmp_path / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        async with far(server, Slurm(layout), layout) as (proxy, system):
            exchange = await measured(proxy, system)
            jobs = [
                await submitted_over_a_cut(proxy, system, part * exchange // CUTS)
                for part in range(CUTS)
            ]
            for job in jobs:
                await ran_once(system, job)


def said(proxy: Proxy) -> int:
    return len(proxy.asked) + len(proxy.answered)


async def measured(proxy: Proxy, system: ShellBatchSystem) -> int:
    """How many bytes one submission takes, both ways."""
    whole = request()
    await system.prepare(whole.token, {})
    before = said(proxy)
    await system.submit(whole, 1)
    return said(proxy) - before


async def submitted_over_a_cut(proxy: Proxy, system: ShellBatchSystem, after: int) -> JobRequest:
    """Submit a job, and meanwhile cut the connection after so many bytes."""
    wanted = request()
    await system.prepare(wanted.token, {})
    at = said(proxy) + after
    submitting = asyncio.create_task(insist(system, wanted))
    while not submitting.done() and said(proxy) < at:
        await asyncio.sleep(0)
    proxy.cut()
    assert isinstance(await submitting, Submitted)
    return wanted


async def ran_once(system: ShellBatchSystem, wanted: JobRequest) -> None:
    async with asyncio.timeout(PATIENCE):
        while not ((report := await found(system, wanted)) and report.state.ended):
            await asyncio.sleep(0.02)
    assert report.state is JobState.COMPLETED
    chunks = system.fetch(wanted.token, WITNESS, 100)
    assert b"".join([chunk async for chunk in chunks]) == b"started\n"
