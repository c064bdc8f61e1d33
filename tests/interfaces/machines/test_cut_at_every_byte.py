"""A submission cut at every byte of its exchange: the system finds out, the program starts once.

The cut is where `sshd` talks to a shell, so that each byte counts: what is cut within a packet of
SSH never comes. Over SSH: `test_cut_submissions`.
"""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path, PurePosixPath

import pytest

from events import operations as o
from events.jobs import JobRequest, JobState, token_of
from events.machines import MachineSettings
from events.simulations import SimulationPlaced, SimulationStateChanged
from interfaces.machines.connection import MIB, CommandCut, Completed
from interfaces.machines.connections.framing import Frame
from interfaces.machines.connections.local import LocalConnection
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from interfaces.machines.dialects.batch_settings import DatedSettings
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.rehearsal import SimulatedCluster, simulated_cluster
from interfaces.machines.scripts import folders
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.scripts.submission import DEADLINE, Submission
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.simulated.fates import Planned
from interfaces.machines.testing import TOKEN, FakeMachine
from interfaces.machines.work.machine import Manners
from tests.interfaces.machines.hands_site import AnySite, working
from tests.interfaces.machines.rehearsed import cluster_of

SETTINGS = MachineSettings(name="m", base_directory="/", nodes=1000, cores_per_node=1)
MANNERS = Manners(look=0.2, ask=0.5, retry=(0.05, 0.2))
REQUEST = JobRequest(token=TOKEN, executable="true", walltime=60)
THERE = (-4000, -1000, -100, -2)
"""Some cuts of what goes there, counted from its end: the first test has them all."""
BACK = range(180)
"""Cuts of what comes back, counted from its begin: more than there is."""


def test_a_submission_cut_on_its_way_there_has_never_begun(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, {"sbatch": "echo 42"})
    machine.run(folders.Prepare(machine.layout, TOKEN).script())
    submission = Submission(REQUEST, 1, machine.layout, Slurm(machine.layout))
    whole = Frame(submission.script()).encode()
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "CALLS": f"{tmp_path}/calls"}

    def begun(length: int) -> bool:
        subprocess.run(
            ["/bin/sh", "-s"],
            input=whole[:length],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return os.listdir(ours) != prepared

    ours = machine.layout.ours(TOKEN)
    prepared = os.listdir(ours)
    assert not [length for length in range(len(whole) - 1) if begun(length)]
    assert begun(len(whole) - 1)  # all but the end of its last line
    assert [call[0] for call in machine.calls()] == ["sbatch"]


class Wire(LocalConnection):
    """A login node whose connection is cut, once for each submission, each time elsewhere."""

    def __init__(self, cuts: Iterable[int]) -> None:
        super().__init__()
        self._cuts = iter(cuts)
        self.cut: set[str] = set()
        self._shells: list[subprocess.Popen[bytes]] = []
        self.whole = 0
        """How many answers were not cut, but lost."""

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        if deadline != DEADLINE or script in self.cut:
            return await super().run(script, deadline=deadline, output_limit=output_limit)
        self.cut.add(script)
        await asyncio.to_thread(self._cut_at, next(self._cuts), Frame(script).encode())
        raise CommandCut("the connection is gone")

    def _cut_at(self, place: int, request: bytes) -> None:
        """As `sshd` leaves it: the shell reads no more, and nobody reads what it writes."""
        reading, writing = os.pipe()
        shell = subprocess.Popen(
            ["/bin/sh", "-s"],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=writing,
            stderr=writing,
            start_new_session=True,
        )
        self._shells.append(shell)
        os.close(writing)
        assert shell.stdin
        with open(reading, "rb") as answer, shell.stdin as line:
            if place <= 0:
                answer.close()
            line.write(request[:place] if place < 0 else request)
            line.close()
            if place > 0:
                self.whole += len(answer.read(place)) < place

    def ended(self) -> bool:
        """Whether all shells have that were left alone."""
        return all(shell.poll() is not None for shell in self._shells)


async def test_a_submission_whose_answer_is_cut_starts_its_program_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = [*THERE, *BACK]
    async with simulated_cluster(tmp_path, "slurm", cluster_of(len(cuts)), Planned({})) as cluster:
        monkeypatch.setenv("PATH", await path_on(cluster))
        wire, layout = Wire(cuts), Layout(PurePosixPath(tmp_path))
        dialect = Slurm(layout, DatedSettings(lag=1, late=1))
        site = AnySite(settings=SETTINGS.model_copy(update={"base_directory": str(tmp_path)}))
        async with working(site, lambda *_: ShellBatchSystem(wire, dialect, layout), MANNERS):
            simulations = [await site.wish("echo started >>witness") for _ in cuts]

            async def placed() -> bool:
                return len(await site.events(SimulationPlaced)) == len(cuts)

            async def completed() -> bool:
                changes = await site.events(SimulationStateChanged)
                return sum(one.state is JobState.COMPLETED for one in changes) == len(cuts)

            await seldom(placed)
            for simulation in simulations:
                await site.submit_created(simulation)
            await seldom(completed)
            doubted = {one.token for one in await site.events(o.SubmissionDoubted)}
        tokens = [*map(token_of, simulations)]
        assert len(wire.cut) == len(cuts)
        # All but the few that were seen to run before anybody had noticed the cut.
        assert doubted <= {*tokens}
        assert len(doubted) > len(cuts) / 2
        for token in tokens:
            assert (tmp_path / "jobs" / token / "witness").read_text() == "started\n"
            assert len(cluster.site.cluster.submitted(token)) == 1
        assert wire.whole
        assert wire.ended()


async def seldom(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what costs the loop time, on which all else works as well."""
    async with asyncio.timeout(300):
        while not await condition():
            await asyncio.sleep(0.5)


async def path_on(cluster: SimulatedCluster) -> str:
    """Where its commands are found."""
    async with SshConnection(SshAccess.model_validate(cluster.access)) as connection:
        return (await connection.run('printf %s "$PATH"', deadline=10)).checked()
