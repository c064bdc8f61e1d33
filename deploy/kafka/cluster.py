"""Brokers that run as long as a context lasts: one, or three that keep copies for each other."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from deploy.kafka.configuration import HOST, Ports, properties
from deploy.kafka.distribution import classpath
from deploy.kafka.node import KafkaFailed, Node
from deploy.ports import free_ports

_START_WITHIN = 120.0
_LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Cluster:
    """Running brokers, and the URL of the log on them."""

    nodes: Sequence[Node]

    @property
    def servers(self) -> str:
        """`host:port,…`, as clients take it."""
        return ",".join(f"{HOST}:{node.ports.advertised}" for node in self.nodes)

    @property
    def url(self) -> str:
        return f"kafka://{self.servers}"

    async def ready(self, within: float = _START_WITHIN) -> None:
        """Return when all brokers that were started serve; raises `KafkaFailed`."""
        try:
            async with asyncio.timeout(within):
                while not await self._all_serve():
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            said = self.nodes[0].last_words()
            raise KafkaFailed(f"Kafka did not start within {within:g} s; it said: {said}") from None

    async def _all_serve(self) -> bool:
        for node in self.nodes:
            if node.ended:
                raise KafkaFailed(f"A Kafka broker ended; it said: {node.last_words()}")
            if not await _listens(node.ports.clients):
                return False
        return await _brokers(self.nodes[0].ports.brokers) == len(self.nodes)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def _brokers(port: int) -> int:
    """How many brokers the one at the port says there are; 0 when it does not answer."""
    client = AIOKafkaClient(bootstrap_servers=f"{HOST}:{port}", request_timeout_ms=5000)
    try:
        await client.bootstrap()
        return len(client.cluster.brokers())
    except KafkaError:
        return 0
    finally:
        await client.close()


@asynccontextmanager
async def running_cluster(
    folder: Path,
    brokers: int = 1,
    *,
    advertised: Sequence[int] = (),
    settings: Mapping[str, str] | None = None,
    format_options: Sequence[str] = (),
) -> AsyncIterator[Cluster]:
    """Brokers on free ports of loopback that keep their data in a folder and die with the context.

    Where `advertised` ports are given, one a broker, clients are sent there: to proxies, which let
    them through once the brokers run. `settings` go over the brokers' own.
    Raises `KafkaMissing`, `KafkaFailed`.
    """
    nodes = _nodes(folder, await classpath(), _ports(brokers, advertised), settings or {})
    cluster = Cluster(nodes)
    id = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
    await asyncio.gather(*(node.format(id, *format_options) for node in cluster.nodes))
    try:
        for node in cluster.nodes:
            node.start()
        await cluster.ready()
        yield cluster
    finally:
        for node in cluster.nodes:
            node.kill()


def _ports(brokers: int, advertised: Sequence[int]) -> list[Ports]:
    free = iter(free_ports(3 * brokers))
    mine = [(next(free), next(free), next(free)) for _ in range(brokers)]
    seen = advertised or [ports[0] for ports in mine]
    return [Ports(*ports, shown) for ports, shown in zip(mine, seen, strict=True)]


def _nodes(
    folder: Path, jars: str, ports: Sequence[Ports], settings: Mapping[str, str]
) -> list[Node]:
    folder, nodes = folder.absolute(), []
    for number, where in enumerate(ports):
        here = folder / f"broker-{number + 1}"
        nodes.append(Node(here, jars, where, properties(number, ports, here / "data", settings)))
    return nodes
