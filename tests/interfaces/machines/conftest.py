"""Machines to test on: real processes in a temporary folder, and the simulated model.

Both understand the same few programs, so that one suite holds both to the same contract.
"""

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

import pytest

from events.jobs import JobReport, JobRequest, JobState, Part, Token, in_part, token_of, whose
from interfaces.machines.batch import BatchSystem
from interfaces.machines.connection import Connection
from interfaces.machines.connections.local import LocalConnection
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from interfaces.machines.dialects.processes import Processes
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.simulated.fates import Fate, Planned
from tests.patience import PATIENCE
from tests.sshd import Sshd

T = TypeVar("T")

WITNESS = "echo started >>witness; "


def new_token() -> Token:
    return token_of(uuid.uuid4())


class Bench:
    """A batch system under test, and how to let its time pass."""

    system: BatchSystem
    succeed = WITNESS + "cat input >result"
    fail = WITNESS + "echo trouble >&2; exit 3"
    long = WITNESS + "exec sleep 60"
    refused = "not for this machine"
    by_number = WITNESS + "echo $VESTEC_INSTANCE; test $VESTEC_INSTANCE != 2 || exit 3"
    """Of an array: the instance of that number fails."""

    def request(self, executable: str, walltime: int = 100, nodes: int = 1) -> JobRequest:
        return JobRequest(token=new_token(), executable=executable, walltime=walltime, nodes=nodes)

    async def submitted(self, executable: str, walltime: int = 100) -> Token:
        """Prepare and submit a job."""
        request = self.request(executable, walltime)
        await self.system.prepare(request.token, {"input": chunks(b"some ", b"input")})
        await self.system.submit(request, 1)
        return request.token

    async def report(self, part: Part, *states: JobState) -> JobReport:
        """Wait until every witness together says that the job is in one of `states`."""

        async def found() -> JobReport | None:
            report = (await self.system.find([part])).get(part)
            return report if report and report.state in states else None

        return await self.until(found)

    async def marks(self, *parts: Part) -> list[JobReport]:
        """Wait for ends that all can see, which come a moment after those in the job's folder."""

        async def ended() -> list[JobReport] | None:
            reports = await self.system.observe(parts)
            over = len(reports) == len(parts) and all(report.state.ended for report in reports)
            return reports if over else None

        return await self.until(ended)

    async def until(self, condition: Callable[[], Awaitable[T | None]]) -> T:
        async with asyncio.timeout(PATIENCE):
            while (value := await condition()) is None:
                await self.pass_time()
        return value

    async def pass_time(self) -> None:
        raise NotImplementedError

    async def starts(self, token: Token) -> int:
        """How often the program itself says it was started."""
        raise NotImplementedError

    async def begun(self, token: Token) -> None:
        """Wait for the program itself, which begins after the scheduler's word that it runs."""

        async def started() -> int | None:
            return await self.starts(token) or None

        await self.until(started)

    def restart(self) -> None:
        """Forget everything but what is on the machine."""
        raise NotImplementedError


class ShellBench(Bench):
    def __init__(
        self, base: Path, slots: int, connect: Callable[[], Connection] = LocalConnection
    ) -> None:
        self.layout = Layout(PurePosixPath(base))
        self.slots = slots
        self._connect = connect
        self.restart()

    def restart(self) -> None:
        dialect = Processes(self.layout, self.slots, kill_after=1)
        self.system = ShellBatchSystem(self._connect(), dialect, self.layout)

    async def pass_time(self) -> None:
        await asyncio.sleep(0.02)

    def with_command(self, patch: pytest.MonkeyPatch, folder: Path, name: str, lines: str) -> None:
        """Have another command of that name, which runs these lines of shell before the real one.

        They call the real one `$real`.
        """
        command = folder / name
        command.write_text(f'#!/bin/sh\nreal={shutil.which(name)}\n{lines}\nexec $real "$@"\n')
        command.chmod(0o755)
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        self.restart()

    async def starts(self, token: Token) -> int:
        witness = self.folder(token) / "witness"
        return len(witness.read_text().splitlines()) if witness.exists() else 0

    def folder(self, token: Token) -> Path:
        return Path(self.layout.folder(token))

    def process(self, part: Part) -> int:
        """The process that holds the job's lock."""
        lock = Path(self.layout.ours(whose(part)), in_part("lock", part))
        return int(lock.read_text().split()[-1])


class VirtualClock:
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class SimulatedBench(Bench):
    def __init__(self, folder: Path, slots: int) -> None:
        self.folder = folder
        self.slots = slots
        self.clock = VirtualClock()
        self.restart()

    def restart(self) -> None:
        self.simulated = SimulatedBatchSystem(
            Planned(
                {
                    self.succeed: Fate(run=1),
                    self.fail: Fate(exit_code=3),
                    self.long: Fate(run=60),
                    self.refused: Fate(refused="no such account"),
                },
                by_instance={2: Fate(exit_code=3)},
            ),
            clock=self.clock,
            slots=self.slots,
            results=lambda request, inputs: {"result": inputs.get("input", b"")},
            folder=self.folder,
        )
        self.system = self.simulated

    async def pass_time(self) -> None:
        self.clock.time += 0.1
        await asyncio.sleep(0)

    async def starts(self, token: Token) -> int:
        return sum(n for part, n in self.simulated.starts.items() if whose(part) == token)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.fixture
async def over_ssh(sshd: Sshd) -> AsyncIterator[Callable[[], Connection]]:
    """Makes connections to this computer over SSH, which are closed in the end."""
    async with AsyncExitStack() as made:

        def connect() -> Connection:
            connection = SshConnection(SshAccess.model_validate(sshd.access()))
            made.push_async_exit(connection)
            return connection

        yield connect


@pytest.fixture(params=["local", "ssh", "simulated"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each batch system, with one slot."""
    match request.param:
        case "local":
            yield from _bench(ShellBench, tmp_path)
        case "ssh":
            connect = request.getfixturevalue("over_ssh")
            yield from _bench(partial(ShellBench, connect=connect), tmp_path)
        case _:
            yield from _bench(SimulatedBench, tmp_path)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[ShellBench]:
    """Real processes, with two slots, in a folder whose name tries to break out."""
    for bench in _bench(ShellBench, tmp_path / "it's a $(base)\n`dir` é", slots=2):
        assert isinstance(bench, ShellBench)
        yield bench


def _bench(kind: Callable[[Path, int], Bench], base: Path, slots: int = 1) -> Iterator[Bench]:
    bench = kind(base, slots)
    yield bench
    if isinstance(bench, ShellBench):
        _end_jobs(base)


def _end_jobs(base: Path) -> None:
    """Cancel what a test left running."""
    system = ShellBench(base, 1).system
    tokens = [Token(folder.name) for folder in base.glob("jobs/*")]

    async def cancel() -> None:
        await asyncio.gather(*(system.cancel(token) for token in tokens))

    asyncio.run(cancel())
