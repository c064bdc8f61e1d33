"""A real Slurm for tests, in a folder of its own: controller, two nodes, accounting if wanted.

All of it runs on one host, which is called `localhost` in its namespace, and listens on loopback.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.ports import free_ports
from tests.account import Login, open_folder
from tests.namespace import Daemon, Namespace, ServerMissing, namespace, require
from tests.slurm_accounting import Accounting, start_accounting
from tests.slurm_settings import HOSTNAME, NODES, Ports, slurm_conf
from tests.without import must_have

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "slurmdbd", "mariadbd")


@dataclass(frozen=True)
class Slurm:
    """A running Slurm, whose servers a test may freeze, kill and start again."""

    login: Login
    """Who submits jobs, and what finds this Slurm."""
    controller: Daemon
    nodes: tuple[Daemon, ...]
    accounting: Accounting | None

    async def ready(self) -> None:
        """Return when all nodes wait for jobs; raises `ServerFailed`."""

        async def idle() -> bool:
            said = await self.login.run("sinfo", "--noheader", "--partition=work", "--format=%T %D")
            return said.stdout.strip() == f"idle {len(NODES)}"

        await self.controller.until(idle)


@asynccontextmanager
async def running_slurm(
    folder: Path, *, accounting: bool = True, comments: bool = True
) -> AsyncIterator[Slurm]:
    """A Slurm in `folder`, which others must be able to enter, until the context ends.

    Partitions: `work`, `short` with a limit of one minute, and `down`. With `accounting`, the user
    has the account `vestec` and the QoS `normal`, `few`, which takes one job of a user, and
    `one`, which takes one job of all.
    Raises `ServerMissing`, `ServerFailed`.
    """
    require("slurm", *_PROGRAMS)
    controller, accounts, *nodes = free_ports(2 + len(NODES))
    ports = Ports(controller, accounts, nodes)
    conf = folder / "slurm.conf"
    conf.write_text(slurm_conf(folder, ports, accounting=accounting, comments=comments))
    for name in ("munge", "controller", "log", *NODES):
        (folder / name).mkdir()
    login = Login(folder / "work", {"SLURM_CONF": str(conf)})
    with namespace(HOSTNAME) as inside:
        await _start_munge(folder, inside)
        running = await start_accounting(folder, ports, inside) if accounting else None

        def daemon(name: str, *command: str) -> Daemon:
            return inside.daemon(folder / "log" / name, *command, SLURM_CONF=str(conf))

        slurm = Slurm(
            login,
            daemon("controller", "slurmctld", "-D"),
            tuple(daemon(node, "slurmd", "-D", "-N", node) for node in NODES),
            running,
        )
        await slurm.ready()
        yield slurm


async def _start_munge(folder: Path, inside: Namespace) -> None:
    """By which Slurm knows who asks: with a key and a socket of its own."""
    home, key = folder / "munge", folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    munge = inside.daemon(
        folder / "log" / "munge",
        *("munged", "--foreground", f"--key-file={key}", f"--socket={home / 'socket'}"),
        *(f"--pid-file={home / 'pid'}", f"--seed-file={home / 'seed'}"),
        f"--log-file={home / 'log'}",
    )

    async def listens() -> bool:
        return (home / "socket").exists()

    await munge.until(listens)


@contextmanager
def slurm_in_a_folder(*, accounting: bool = True, comments: bool = True) -> Iterator[Slurm]:
    """The same in a temporary folder, for fixtures; where it cannot run, tests are skipped."""
    with open_folder("vestec-slurm-") as folder, asyncio.Runner() as runner:
        context = running_slurm(folder, accounting=accounting, comments=comments)
        with must_have("Slurm", ServerMissing):
            running = runner.run(context.__aenter__())
        yield running
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A Slurm with accounting that runs for the session."""
    with slurm_in_a_folder() as running:
        yield running
