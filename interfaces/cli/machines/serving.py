"""A simulated cluster as it is served, and how it says that it is added as a machine."""

import asyncio
from pathlib import Path

from interfaces.cli.errors import Complaint
from interfaces.cli.output import json_line, say
from interfaces.machines.rehearsal import MOUTHS, SimulatedCluster, simulated_cluster
from interfaces.machines.scripts.layout import quoted
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.fates import Seeded


async def serve_cluster(
    folder: Path, dialect: str, model: Cluster, oracle: Seeded, *, port: int, json: bool
) -> None:
    """Serve until it is cancelled. Raises `Complaint` if nobody speaks the dialect."""
    if dialect not in MOUTHS:
        known = ", ".join(MOUTHS)
        raise Complaint(f"No cluster with {dialect} can be simulated; there are: {known}.")
    async with simulated_cluster(folder, dialect, model, oracle, port=port) as cluster:
        _announce(cluster, dialect, model.slots, json)
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
