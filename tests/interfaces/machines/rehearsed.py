"""Simulated clusters for tests: one node, queues as the real servers have them."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from events.jobs import JobReport, JobState, Part
from events.machines import Queue
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from interfaces.machines.dialect import Dialect
from interfaces.machines.dialects.batch_settings import BatchSettings, DatedSettings
from interfaces.machines.dialects.lsf import Lsf
from interfaces.machines.dialects.pbs import Pbs
from interfaces.machines.dialects.sge import GridEngine
from interfaces.machines.dialects.sge.settings import SgeSettings
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.rehearsal import SimulatedCluster, simulated_cluster
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.fates import Planned
from tests.interfaces.machines.server_bench import ServerBench

QUEUES = (
    Queue(name="work", open=True),
    Queue(name="short", open=True, walltime=60),
    Queue(name="down", open=False),
)


class Rehearsed(ServerBench):
    """A bench on a simulated cluster."""

    cluster: SimulatedCluster

    @classmethod
    @asynccontextmanager
    async def on(cls, cluster: SimulatedCluster) -> AsyncIterator[Self]:
        async with SshConnection(SshAccess.model_validate(cluster.access)) as connection:
            bench = cls(cluster.folder, lambda: connection)
            bench.cluster = cluster
            yield bench


class RehearsedSlurm(Rehearsed):
    def _dialect(self, layout: Layout) -> Dialect:
        return Slurm(layout, DatedSettings(lag=2, late=0))


class RehearsedGridEngine(Rehearsed):
    def _dialect(self, layout: Layout) -> Dialect:
        return GridEngine(layout, SgeSettings(lag=2, late=0, shared="smp", distributed="mpi"))


class RehearsedPbs(Rehearsed):
    def _dialect(self, layout: Layout) -> Dialect:
        return Pbs(layout, BatchSettings(lag=2, late=0))


class RehearsedLsf(Rehearsed):
    accounts_tell_times = False

    async def report(self, part: Part, *states: JobState) -> JobReport:
        """Its wrapper alone tells times, which may not have been there a moment ago."""
        report = await super().report(part, *states)
        told = not report.state.ended or report.ended is not None
        return report if told else await super().report(part, *states)

    def _dialect(self, layout: Layout) -> Dialect:
        return Lsf(layout, BatchSettings(lag=2, late=0))


BENCHES: dict[str, type[Rehearsed]] = {
    "slurm": RehearsedSlurm,
    "sge": RehearsedGridEngine,
    "pbs": RehearsedPbs,
    "lsf": RehearsedLsf,
}


def cluster_of(slots: int = 1, *, keeps: float = 300.0, accounts_lag: float = 0.0) -> Cluster:
    """The model of a cluster."""
    return Cluster(slots=slots, queues=QUEUES, keeps=keeps, accounts_lag=accounts_lag)


@asynccontextmanager
async def rehearsed(
    folder: Path,
    dialect: str,
    model: Cluster | None = None,
    now: Callable[[], float] = time.time,
) -> AsyncIterator[Rehearsed]:
    """A bench on a cluster that serves, and on which nothing goes wrong."""
    model = model or cluster_of()
    async with (
        simulated_cluster(folder, dialect, model, Planned({}), now=now) as cluster,
        BENCHES[dialect].on(cluster) as bench,
    ):
        yield bench
