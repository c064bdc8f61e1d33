"""A cluster to rehearse on, as `vestec machines simulate` serves it."""

import asyncio
from pathlib import Path

from interfaces.cli.errors import Complaint
from interfaces.cli.output import json_line, say
from interfaces.machines.cluster import Cluster
from interfaces.machines.dialect import Queue
from interfaces.machines.fates import Seeded
from interfaces.machines.layout import quoted
from interfaces.machines.rehearsal import MOUTHS, SimulatedCluster, simulated_cluster

_QUEUES = (Queue("work", open=True), Queue("urgent", open=True))
_PRIORITIES = {"urgent": 1}
"""The queue's, and a QoS's of that name."""
_RUN = 20.0
"""Mean seconds until something befalls a job that something befalls."""


async def simulate(
    folder: Path,
    dialect: str,
    *,
    seed: int,
    trouble: float,
    nodes: int,
    wait: float,
    accounts_lag: float,
    port: int,
    json: bool,
) -> None:
    """Serve until it is cancelled; see the command."""
    if dialect not in MOUTHS:
        known = ", ".join(MOUTHS)
        raise Complaint(f"No cluster with {dialect} can be simulated; there are: {known}.")
    oracle = Seeded(
        seed,
        wait=wait,
        run=_RUN,
        failure=trouble,
        lost_answer=trouble,
        slow_answer=trouble,
        vanishing=trouble,
        preemption=trouble,
        outage=trouble,
    )
    model = Cluster(slots=nodes, queues=_QUEUES, priorities=_PRIORITIES, accounts_lag=accounts_lag)
    async with simulated_cluster(folder, dialect, model, oracle, port=port) as cluster:
        _announce(cluster, dialect, nodes, json)
        await asyncio.Event().wait()


def _announce(cluster: SimulatedCluster, dialect: str, nodes: int, json: bool) -> None:
    settings = {
        "connection": "ssh",
        "dialect": dialect,
        "base_directory": str(cluster.folder),
        "nodes": nodes,
    }
    if json:
        return json_line({**settings, "access": cluster.access})
    words = [f"--{name.replace('_', '-')} {quoted(value)}" for name, value in settings.items()]
    words += [f"--access {quoted(_said(*item))}" for item in cluster.access.items()]
    say("A simulated cluster serves until Ctrl-C. From another terminal:")
    say(f"vestec machines add rehearsal {' '.join(words)} --enable")
    return None


def _said(name: str, value: str | bool) -> str:
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"
