"""Simulated clusters for tests: one node, queues as the real servers have them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from interfaces.machines.batch_settings import DatedSettings
from interfaces.machines.cluster import Cluster
from interfaces.machines.dialect import Dialect, Queue
from interfaces.machines.fates import Planned
from interfaces.machines.layout import Layout
from interfaces.machines.rehearsal import SimulatedCluster, simulated_cluster
from interfaces.machines.slurm import Slurm
from interfaces.machines.ssh import SshAccess, SshConnection
from tests.interfaces.machines.server_bench import ServerBench

QUEUES = (Queue("work", open=True), Queue("short", open=True, walltime=60), Queue("down", False))


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


BENCHES: dict[str, type[Rehearsed]] = {"slurm": RehearsedSlurm}


def cluster_of(slots: int = 1, *, keeps: float = 300.0, accounts_lag: float = 0.0) -> Cluster:
    """The model of a cluster."""
    return Cluster(slots=slots, queues=QUEUES, keeps=keeps, accounts_lag=accounts_lag)


@asynccontextmanager
async def rehearsed(
    folder: Path, dialect: str, model: Cluster | None = None
) -> AsyncIterator[Rehearsed]:
    """A bench on a cluster that serves, and on which nothing goes wrong."""
    async with (
        simulated_cluster(folder, dialect, model or cluster_of(), Planned({})) as cluster,
        BENCHES[dialect].on(cluster) as bench,
    ):
        yield bench
