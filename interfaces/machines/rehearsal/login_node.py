"""The login node of a simulated cluster: an SSH server, and commands that ask the model.

Whoever has the key in its folder gets a shell of the account that runs it: it
listens on loopback alone.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncssh

from interfaces.machines.rehearsal.lsf import LSF
from interfaces.machines.rehearsal.mouth import Call, Malformed, Mouth
from interfaces.machines.rehearsal.pbs import PBS
from interfaces.machines.rehearsal.sge import SGE
from interfaces.machines.rehearsal.shells import HomeSftp, Shells
from interfaces.machines.rehearsal.site import Site
from interfaces.machines.rehearsal.slurm import SLURM
from interfaces.machines.scripts.layout import quoted
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.fates import Oracle

HOST = "127.0.0.1"
MOUTHS = {"slurm": SLURM, "sge": SGE, "pbs": PBS, "lsf": LSF}
"""By dialect."""
_SILENCE = 0.1
"""Seconds between two looks at whether the machine can be reached."""
_TOOL = """
import json, socket, sys
try:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(sys.argv[1])
        words = {"words": sys.argv[3:], "folder": sys.argv[2]}
        line.sendall(json.dumps(words).encode())
        line.shutdown(socket.SHUT_WR)
        answer = json.load(line.makefile("rb"))
except (OSError, ValueError):
    sys.exit(f"{sys.argv[3]}: error: Unable to contact the controller")
sys.stdout.write(answer["stdout"])
sys.stderr.write(answer["stderr"])
sys.exit(answer["status"])
"""


@dataclass(frozen=True)
class SimulatedCluster:
    """A cluster that serves."""

    folder: Path
    """Its home directory, in which everything lies."""
    port: int
    site: Site

    @property
    def access(self) -> dict[str, str | bool]:
        """What the connection `ssh` has to know."""
        return {
            "host": f"{HOST}:{self.port}",
            "key": str(self.folder / ".ssh" / "user"),
            "agent": False,
            "known_hosts": str(self.folder / ".ssh" / "known_hosts"),
        }


@asynccontextmanager
async def simulated_cluster(
    folder: Path,
    dialect: str,
    cluster: Cluster,
    oracle: Oracle,
    *,
    now: Callable[[], float] = time.time,
    port: int = 0,
) -> AsyncIterator[SimulatedCluster]:
    """Serve until the context ends; then its jobs are killed. Port 0: any that is free."""
    mouth = MOUTHS[dialect]
    cluster.cancels_in_vain = dialect != "lsf"
    keys = await asyncio.to_thread(_keys, folder / ".ssh")
    async with AsyncExitStack() as stack:
        tools = Path(stack.enter_context(TemporaryDirectory(prefix="vestec-cluster-")))
        environment = {
            "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "TZ": "UTC",
        }
        site = Site(cluster, oracle, now, variables=mouth.variables, environment=environment)
        stack.callback(site.close)
        await stack.enter_async_context(_controller(tools, mouth, site))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        shells, gate = Shells(folder, environment, tasks), _Gate(site)
        server = await asyncssh.listen(
            HOST,
            port,
            server_factory=partial(_Server, gate),
            server_host_keys=[keys.host],
            authorized_client_keys=asyncssh.import_authorized_keys(keys.user),
            process_factory=shells.begin,
            sftp_factory=partial(HomeSftp, folder),
            encoding=None,
        )
        known = f"[{HOST}]:{server.get_port()} {keys.host_public}"
        (folder / ".ssh" / "known_hosts").write_text(known)
        living = [tasks.create_task(site.live()), tasks.create_task(gate.watch())]
        try:
            yield SimulatedCluster(folder, server.get_port(), site)
        finally:
            server.close()
            gate.shut()
            shells.close()
            for task in living:
                task.cancel()


@asynccontextmanager
async def _controller(folder: Path, mouth: Mouth, site: Site) -> AsyncIterator[None]:
    """The commands, and who answers them."""
    socket, program = folder / "controller", folder / "tool.py"
    program.write_text(_TOOL)
    for name in mouth.commands:
        words = " ".join(quoted(word) for word in (sys.executable, "-IS", program, socket))
        tool = folder / name
        tool.write_text(f'#!/bin/sh\nexec {words} "$PWD" {name} "$@"\n')
        tool.chmod(0o755)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(await reader.read())
        site.settle()
        name, *words = asked["words"]
        try:
            said = mouth.commands[name](Call(words, Path(asked["folder"])), site)
        except Malformed as wrong:
            said = wrong.said
        site.settle()
        await asyncio.sleep(said.after)
        writer.write(json.dumps(asdict(said)).encode())
        writer.close()

    async with await asyncio.start_unix_server(answer, socket):
        yield


class _Gate:
    """Lets nobody in, and nobody stay, while the machine cannot be reached."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.inside: set[asyncssh.SSHServerConnection] = set()

    @property
    def open(self) -> bool:
        return self._site.reachable

    def shut(self) -> None:
        for connection in [*self.inside]:
            connection.abort()

    async def watch(self) -> None:
        while True:
            if not self.open:
                self.shut()
            await asyncio.sleep(_SILENCE)


class _Server(asyncssh.SSHServer):
    def __init__(self, gate: _Gate) -> None:
        self._gate = gate
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._gate.inside.add(conn)
        if not self._gate.open:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection:
            self._gate.inside.discard(self._connection)


@dataclass(frozen=True)
class _Keys:
    host: asyncssh.SSHKey
    host_public: str
    user: str
    """The public key of who may log in."""


def _keys(folder: Path) -> _Keys:
    """Made once."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in ("host", "user"):
        if not (folder / name).exists():
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(folder / name)
            (folder / name).chmod(0o600)  # or OpenSSH does not take it
    host, user = (asyncssh.read_private_key(folder / name) for name in ("host", "user"))
    public = [key.export_public_key().decode() for key in (host, user)]
    return _Keys(host, *public)
