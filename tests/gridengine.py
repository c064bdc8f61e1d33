"""A real Grid Engine for tests, in a folder and a network of its own: it listens on all addresses.

So whoever asks it must be in there as well: `login.entering` says how to get there.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.account import Login, open_folder
from tests.gridengine_settings import (
    CELL,
    HOSTNAME,
    QUEUES,
    SCHEDULER,
    bootstrap,
    changed,
    configuration,
)
from tests.namespace import Daemon, Namespace, ServerMissing, namespace, require
from tests.without import must_have

_PROGRAMS = ("sge_qmaster", "sge_execd", "qsub", "ip")
_LIB = Path("/usr/lib/gridengine")
_SHARE = Path("/usr/share/gridengine")
_SETUP = "ip link set lo up; mount --bind {hosts} /etc/hosts"


@dataclass(frozen=True)
class GridEngine:
    """A running Grid Engine, whose servers a test may freeze, kill and start again."""

    login: Login
    """Who submits jobs, and from where."""
    qmaster: Daemon
    execd: Daemon


@asynccontextmanager
async def running_gridengine(folder: Path) -> AsyncIterator[GridEngine]:
    """A Grid Engine in `folder`, which others must be able to enter, until the context ends.

    Queues: `work`, `short` with a limit of one minute, and `down`; parallel environment: `smp`.
    Raises `ServerMissing`, `ServerFailed`.
    """
    require("gridengine", *_PROGRAMS)
    environment = {
        "SGE_ROOT": str(folder),
        "SGE_CELL": CELL,
        "SGE_QMASTER_PORT": "6444",
        "SGE_EXECD_PORT": "6445",
    }
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 {HOSTNAME} localhost\n")
    with namespace(HOSTNAME, setup=_SETUP.format(hosts=hosts), network=True) as inside:
        make = _Making(folder, inside, environment)
        await make.spool()
        qmaster = make.daemon("sge_qmaster")
        await qmaster.until(make.answers)
        await make.queues()
        execd = make.daemon("sge_execd")
        await execd.until(make.queues_are_open)
        yield GridEngine(Login(folder / "work", environment, inside.entering), qmaster, execd)


@dataclass(frozen=True)
class _Making:
    folder: Path
    inside: Namespace
    environment: dict[str, str]

    async def spool(self) -> None:
        """What the servers read before they start."""
        common, spool = self.folder / CELL / "common", self.folder / "spool"
        common.mkdir(parents=True)
        for name in ("log", "execd", "spool"):
            (self.folder / name).mkdir()
        (self.folder / "util").symlink_to(_SHARE / "util")
        (common / "bootstrap").write_text(bootstrap(common, spool))
        (common / "act_qmaster").write_text(f"{HOSTNAME}\n")
        await self._run("spoolinit", "classic", "libspoolc", f"{common};{spool}", "init")
        usual = (_SHARE / "default-configuration").read_text()
        wanted = self._file("configuration", changed(usual, configuration(self.folder / "execd")))
        resources = _SHARE / "util" / "resources"
        await self._run("spooldefaults", "configuration", wanted)
        await self._run("spooldefaults", "complexes", str(resources / "centry"))
        await self._run("spooldefaults", "usersets", str(resources / "usersets"))
        await self._run("spooldefaults", "managers", "root")

    async def queues(self) -> None:
        """What only a running server takes."""
        await self._run("qconf", "-as", HOSTNAME)
        scheduler = changed(await self._run("qconf", "-ssconf"), SCHEDULER)
        await self._run("qconf", "-Msconf", self._file("scheduler", scheduler))
        await self._run("qconf", "-Ap", str(_SHARE / "util" / "resources" / "pe" / "smp"))
        template = await self._run("qconf", "-sq")
        for name, words in QUEUES.items():
            queue = changed(template, {"qname": name, **words})
            await self._run("qconf", "-Aq", self._file(name, queue))

    def daemon(self, name: str) -> Daemon:
        log = self.folder / "log" / name
        return self.inside.daemon(log, str(_LIB / name), SGE_ND="1", **self.environment)

    async def answers(self) -> bool:
        said = await self.inside.run(str(_LIB / "qconf"), "-sm", **self.environment)
        return not said.exit_status

    async def queues_are_open(self) -> bool:
        """All but the one that is down have an execution host: their state is empty."""
        said = await self._run("qstat", "-f", "-q", "work,short", "-qs", "u")
        return not said

    async def _run(self, program: str, *words: str) -> str:
        answer = await self.inside.run(str(_LIB / program), *words, **self.environment)
        return answer.checked()

    def _file(self, name: str, text: str) -> str:
        path = self.folder / f"{name}.conf"
        path.write_text(text)
        return str(path)


@pytest.fixture(scope="session")
def gridengine() -> Iterator[GridEngine]:
    """A Grid Engine that runs for the session."""
    with open_folder("vestec-gridengine-") as folder, asyncio.Runner() as runner:
        context = running_gridengine(folder)
        with must_have("Grid Engine", ServerMissing):
            running = runner.run(context.__aenter__())
        yield running
        runner.run(context.__aexit__(None, None, None))
