"""One broker: formatting its storage, its process, and stopping, killing and starting it again."""

import asyncio
import subprocess
from pathlib import Path

from deploy.kafka.configuration import Ports

_STOP_WITHIN = 10.0


class KafkaFailed(Exception):
    """A broker could not be formatted or did not come up."""


class Node:
    """A broker in a folder of its own, which dies with the thread that started it."""

    def __init__(self, folder: Path, classpath: str, ports: Ports, properties: str) -> None:
        self.folder, self.ports = folder, ports
        self._classpath = classpath
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(properties)

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _log(self) -> Path:
        return self.folder / "broker.log"

    async def format(self, cluster: str, *options: str) -> None:
        """Make its storage as part of the cluster with this id; `options` are `StorageTool`'s."""
        tool = ("kafka.tools.StorageTool", "format", f"--config={self._properties}")
        process = self._java(*tool, f"--cluster-id={cluster}", *options)
        if await asyncio.to_thread(process.wait):
            raise KafkaFailed(f"Kafka's storage was not formatted: {self.last_words()}")

    def start(self) -> None:
        """Start its process; `Cluster.ready` waits until it serves."""
        self._process = self._java("kafka.Kafka", str(self._properties))

    async def stop(self) -> None:
        """In order; killed if that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, _STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """As when its machine loses power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def last_words(self) -> str:
        """The end of what it logged."""
        said = self._log.read_text(errors="replace") if self._log.exists() else ""
        return said.strip()[-1000:] or "nothing"

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        """In a session of its own, so that a terminal's Ctrl-C does not reach it."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL"),
                    *("java", "-Xmx512m", "-cp", self._classpath, *arguments),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
