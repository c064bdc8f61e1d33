"""Submissions over a connection that is cut at any byte: the program runs once, each time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath

import pytest

from deploy.kafka.cluster import free_ports
from events.jobs import JobRequest, JobState
from interfaces.machines.connection import Unreachable
from interfaces.machines.dialect import InDoubt, Refused, Submitted
from interfaces.machines.layout import Layout
from interfaces.machines.processes import Processes
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.ssh import SshAccess, SshConnection
from tests.interfaces.machines.conftest import new_token
from tests.proxy import Proxy
from tests.sshd import HOST, Sshd

CUTS = 12
"""In each of these parts of the exchange, one."""


@asynccontextmanager
async def far(server: Sshd, base: Path) -> AsyncIterator[tuple[Proxy, ShellBatchSystem]]:
    """A machine by way of a proxy, which is reached again at once after a cut."""
    (port,) = free_ports(1)
    access = server.access(
        host=f"{HOST}:{port}", known_hosts=None, host_key=server.public("host").strip()
    )
    layout = Layout(PurePosixPath(base))
    async with (
        Proxy.listening(port, server.port) as proxy,
        ShellBatchSystem(
            SshConnection(SshAccess.model_validate(access)), Processes(layout, 4), layout
        ) as system,
    ):
        yield proxy, system


def request() -> JobRequest:
    return JobRequest(token=new_token(), executable="echo started >>witness", walltime=60)


async def insist(system: ShellBatchSystem, wanted: JobRequest) -> Submitted | Refused:
    """As hands do it: in doubt the same submission again, which never goes out twice; then look."""
    number = 1
    async with asyncio.timeout(30):
        while True:
            try:
                return await system.submit(wanted, number)
            except Unreachable:
                await asyncio.sleep(0.02)
            except InDoubt as doubt:
                found = await look(system, wanted)
                if found is not None:
                    return found
                number += doubt.wait == 0


async def look(system: ShellBatchSystem, wanted: JobRequest) -> Submitted | None:
    while True:
        with suppress(Unreachable):
            report = (await system.find([wanted.token])).get(wanted.token)
            return Submitted(report.job_id) if report and report.job_id else None
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("part", range(CUTS))
async def test_a_submission_cut_at_any_byte_runs_once(
    sshd: Sshd, tmp_path: Path, part: int
) -> None:
    async with far(sshd, tmp_path) as (proxy, system):

        def said() -> int:
            return len(proxy.asked) + len(proxy.answered)

        whole = request()
        await system.prepare(whole.token, {})
        before = said()
        await system.submit(whole, 1)
        exchange = said() - before
        wanted = request()
        await system.prepare(wanted.token, {})
        at = said() + part * exchange // CUTS
        submitting = asyncio.create_task(insist(system, wanted))
        while not submitting.done() and said() < at:
            await asyncio.sleep(0)
        proxy.cut()
        assert isinstance(await submitting, Submitted)
        async with asyncio.timeout(30):
            while (await look_for_end(system, wanted)) is not JobState.COMPLETED:
                await asyncio.sleep(0.02)
        witness = tmp_path / "jobs" / wanted.token / "witness"
        assert witness.read_text() == "started\n"


async def look_for_end(system: ShellBatchSystem, wanted: JobRequest) -> JobState | None:
    with suppress(Unreachable):
        report = (await system.find([wanted.token])).get(wanted.token)
        return report.state if report else None
    return None
