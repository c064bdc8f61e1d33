"""What a simulated cluster does to jobs, and what we make of it: over SSH, to the event log."""

import asyncio
import itertools
import math
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from events import operations as o
from events import simulations as s
from events.jobs import JobOptions, JobRequest, JobState, Token, Witness, token_of
from events.machines import MachineSeen, MachineSettings
from events.values import Blob, Context
from interfaces.machines.connection import MachineError, Unreachable
from interfaces.machines.registry import connect
from interfaces.machines.rehearsal import SimulatedCluster, simulated_cluster
from interfaces.machines.rehearsal.site import Site, Work
from interfaces.machines.simulated.fates import Fate, Planned
from interfaces.machines.work.machine import Manners
from tests.interfaces.machines.hands_site import AnySite, working
from tests.interfaces.machines.rehearsed import BENCHES, cluster_of, rehearsed
from tests.patience import PATIENCE

MANNERS = Manners(look=0.1, ask=0.3, retry=(0.05, 0.2))
WITNESS = "echo started >>witness; "


class RehearsedSite(AnySite):
    cluster: SimulatedCluster

    def starts(self, token: Token) -> int:
        """How often a program was started."""
        return (self.cluster.folder / "jobs" / token / "witness").read_text().count("started")


@asynccontextmanager
async def site_on(
    folder: Path,
    dialect: str,
    fate: Fate,
    lag: float = 1.0,
    accounts_lag: float = 0.0,
    slots: int = 2,
    manners: Manners = MANNERS,
) -> AsyncIterator[RehearsedSite]:
    """Managers and hands that use a simulated cluster as any other."""
    model = cluster_of(slots, accounts_lag=accounts_lag)
    async with simulated_cluster(folder, dialect, model, Planned({}, fate)) as one:
        settings = MachineSettings(
            name="m",
            connection="ssh",
            access={**one.access},
            dialect=dialect,
            base_directory=str(folder),
            batch={"lag": lag, "late": 0.1},
        )
        site = RehearsedSite(settings=settings)
        site.cluster = one
        async with working(site, connect, manners):
            yield site


dialects = pytest.mark.parametrize("dialect", [*BENCHES])


@dialects
async def test_a_simulation_completes(tmp_path: Path, dialect: str) -> None:
    async with site_on(tmp_path, dialect, Fate()) as site:
        simulation = await site.submit(WITNESS + "echo 42 >map", outputs=["map"])
        change = await site.reach(simulation, JobState.COMPLETED)
        stored = await site.until(lambda: site.of(o.OutputsCollected, simulation))
        assert change.exit_code == 0
        assert stored[0].outputs["map"].size == 3


@pytest.mark.parametrize(
    ("dialect", "directive", "reason"),
    [
        ("slurm", "#SBATCH --ntasks=four", 'Invalid numeric value "four" for --ntasks.'),
        ("slurm", "#SBATCH --nodes=foo", '"foo" is not a valid node count'),
        ("slurm", "#SBATCH --hint=foo", 'unrecognized --hint argument "foo"'),
        ("slurm", "#SBATCH --time-min=soon", "Invalid --time-min specification"),
        ("slurm", "#SBATCH --nope=1", "unrecognized option '--nope'"),
        ("sge", "#$ -pe smp four", "Numerical value invalid!"),
        ("pbs", "#PBS -l select=four", "Illegal attribute or resource value"),
    ],
)
async def test_a_directive_that_nobody_understands_is_refused_at_once(
    tmp_path: Path, dialect: str, directive: str, reason: str
) -> None:
    async with site_on(tmp_path, dialect, Fate()) as site:
        script = await site.blobs.put(f"#!/bin/sh\n{directive}\n".encode())
        simulation = await site.submit("./run.sh", inputs={"run.sh": script})
        failed = await site.reach(simulation, JobState.FAILED)
        assert reason in failed.reason
        assert not await site.of(o.SubmissionDoubted, simulation)


@dialects
async def test_a_lost_answer_is_looked_up_and_the_program_starts_once(
    tmp_path: Path, dialect: str
) -> None:
    async with site_on(tmp_path, dialect, Fate(answer_lost=True)) as site:
        # Held, so that its own status is not what tells first that it is there.
        simulation = await site.submit(WITNESS, options=JobOptions(hold=True))
        await site.reach(simulation, JobState.HELD)
        assert await site.of(o.SubmissionDoubted, simulation)
        release = s.ReleaseSimulation(simulation=simulation)
        await site.issue(Context.SIMULATIONS, "fire", release)
        await site.reach(simulation, JobState.COMPLETED)
        assert site.starts(token_of(simulation)) == 1
        assert len(site.cluster.site.cluster.jobs) == 1


@dialects
async def test_a_job_that_is_cancelled_while_its_inputs_are_brought_is_not_submitted(
    tmp_path: Path, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site_on(tmp_path, dialect, Fate()) as site:
        brought, begun, stream = asyncio.Event(), asyncio.Event(), site.blobs.stream

        async def slowly(blob: Blob) -> AsyncIterator[bytes]:
            begun.set()
            await brought.wait()
            async for chunk in stream(blob):
                yield chunk

        monkeypatch.setattr(site.blobs, "stream", slowly)
        wind = await site.blobs.put(b"strong")
        simulation = await site.submit("true", inputs={"wind": wind})
        await begun.wait()
        cancel = s.CancelSimulation(simulation=simulation, reason="enough")
        await site.issue(Context.SIMULATIONS, "fire", cancel)
        await site.until(lambda: site.of(o.CancelSent, simulation))
        brought.set()
        await site.reach(simulation, JobState.CANCELLED)
        assert site.cluster.site.cluster.jobs == []


@dialects
async def test_a_preempted_job_is_requeued_as_its_second_attempt(
    tmp_path: Path, dialect: str
) -> None:
    async with site_on(tmp_path, dialect, Fate(preempted=3)) as site:
        simulation = await site.submit(WITNESS + "test $(wc -l <witness) = 2 || sleep 60")
        await site.reach(simulation, JobState.COMPLETED)
        seen = await site.of(o.JobReported, simulation)
        assert seen[-1].report.attempt == 2
        assert seen[-1].report.copies == 0
        assert site.starts(token_of(simulation)) == 2


@dialects
async def test_a_purged_job_is_found_in_the_accounts(tmp_path: Path, dialect: str) -> None:
    """By a clock that jumps over its walltime."""
    ahead, model = 0.0, cluster_of(keeps=0)
    async with rehearsed(tmp_path, dialect, model, lambda: time.time() + ahead) as bench:
        token = await bench.submitted(bench.long, walltime=86400)
        await bench.report(token, JobState.RUNNING)
        ahead = 86401
        report = await bench.report(token, JobState.TIMEOUT)
        assert report.witness is Witness.ACCOUNTING


@dialects
async def test_accounts_that_are_later_than_their_lag_leave_a_job_lost_until_they_tell(
    tmp_path: Path, dialect: str
) -> None:
    fate = Fate(run=1, vanishes=True)
    async with site_on(tmp_path, dialect, fate, accounts_lag=10) as site:
        simulation = await site.submit("sleep 60")
        await site.reach(simulation, JobState.RUNNING)
        await site.reach(simulation, JobState.LOST)
        (job,) = site.cluster.site.cluster.jobs
        assert job.ended
        assert time.time() >= job.ended + 1
        await site.reach(simulation, JobState.FAILED)


@dialects
async def test_a_held_job_that_somebody_else_deletes_is_cancelled(
    tmp_path: Path, dialect: str
) -> None:
    async with site_on(tmp_path, dialect, Fate()) as site:
        simulation = await site.submit(WITNESS, options=JobOptions(hold=True))
        await site.reach(simulation, JobState.HELD)
        site.cluster.site.cluster.cancel(token_of(simulation))
        await site.reach(simulation, JobState.CANCELLED)
        words = [one.report.state for one in await site.of(o.JobReported, simulation)]
        assert JobState.LOST not in words


@dialects
async def test_accounts_within_their_lag_leave_nothing_lost(tmp_path: Path, dialect: str) -> None:
    fate = Fate(run=1, vanishes=True)
    async with site_on(tmp_path, dialect, fate, lag=4, accounts_lag=1) as site:
        simulation = await site.submit("sleep 60")
        await site.reach(simulation, JobState.FAILED)
        changes = await site.of(o.JobReported, simulation)
        assert JobState.LOST not in {change.report.state for change in changes}


async def test_an_outage_is_a_fact_about_the_machine(tmp_path: Path) -> None:
    async with site_on(tmp_path, "slurm", Fate()) as site:
        simulation = await site.submit(WITNESS + "sleep 3")
        await site.reach(simulation, JobState.RUNNING)
        site.cluster.site.oracle = Planned({}, Fate(), outages=((0, math.inf),))

        async def away() -> list[MachineSeen]:
            return [one for one in await site.events(MachineSeen) if not one.reachable]

        await site.until(away)
        site.cluster.site.oracle = Planned({}, Fate())
        await site.reach(simulation, JobState.COMPLETED)
        assert site.starts(token_of(simulation)) == 1


async def test_a_refused_connection_has_begun_nothing(tmp_path: Path) -> None:
    async with rehearsed(tmp_path, "slurm") as bench:
        await bench.system.check()
        site = bench.cluster.site
        site.oracle = Planned({}, outages=((0, time.time() + 60),))

        async def refused() -> bool | None:
            try:
                await bench.system.check()
            except Unreachable:
                return True
            except MachineError:  # cut under way
                return None
            return None

        await bench.until(refused)
        site.oracle = Planned({})

        async def there() -> bool | None:
            try:
                await bench.system.check()
            except Unreachable:
                return None
            return True

        await bench.until(there)


def test_a_job_that_ends_while_the_site_settles_is_not_run_again(tmp_path: Path) -> None:
    """After the look at its process, and before the one at what has to run."""
    process, asked = tmp_path / "process", itertools.count(1)

    def now() -> float:
        if next(asked) == 4:  # within the second time it settles
            (tmp_path / "end").touch()
            os.waitid(os.P_PID, int(process.read_text()), os.WEXITED | os.WNOWAIT)
        return 0.0

    script = f"echo $$ >part; mv part {process}; until test -e end; do sleep 0.01; done"
    (tmp_path / "job").write_text(script)
    site = Site(cluster_of(), Planned({}), now, variables=lambda _: {}, environment={**os.environ})
    request = JobRequest(token=Token("v"), executable="job", walltime=60)
    job = site.accept(request, Work(tmp_path, "job", "out"))
    while not process.exists():
        time.sleep(0.01)
    for _ in range(2):
        site.settle()
    site.close()
    assert job.state is JobState.COMPLETED


async def test_files_outside_of_its_home_are_nobodys(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "secret").write_text("secret")
    async with simulated_cluster(home, "slurm", cluster_of(), Planned({})) as cluster:
        host, _, port = str(cluster.access["host"]).partition(":")
        (home / "away").symlink_to(tmp_path / "secret")
        async with (
            asyncssh.connect(
                host,
                int(port),
                client_keys=[str(cluster.access["key"])],
                known_hosts=str(cluster.access["known_hosts"]),
                config=None,
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):
            for place in (tmp_path / "secret", "../secret", "away"):
                with pytest.raises(asyncssh.SFTPPermissionDenied):
                    await sftp.open(str(place))


async def test_nobody_else_gets_in(tmp_path: Path) -> None:
    async with simulated_cluster(tmp_path, "slurm", cluster_of(), Planned({})) as cluster:
        host, _, port = str(cluster.access["host"]).partition(":")
        key = asyncssh.generate_private_key("ssh-ed25519")
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                host, int(port), client_keys=[key], known_hosts=None, config=None, agent_path=None
            )


async def test_nothing_lives_on_when_it_ends(tmp_path: Path) -> None:
    async with rehearsed(tmp_path, "slurm") as bench:
        token = await bench.submitted("echo $$ >process; exec sleep 600")
        process = bench.folder(token) / "process"

        async def written() -> int | None:
            return int(process.read_text() or 0) or None if process.exists() else None

        pid = await bench.until(written)
        assert _lives(pid)
    async with asyncio.timeout(PATIENCE):
        while _lives(pid):
            await asyncio.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
