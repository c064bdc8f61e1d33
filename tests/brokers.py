"""Real Kafka brokers for tests: one a session, with a namespace a test, and some to kill."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from deploy.kafka import Cluster, KafkaMissing, running_cluster
from deploy.ports import free_ports
from tests.proxy import Proxy
from tests.without import must_have


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """One broker that runs for the session, in each worker: cheaper than to share it safely."""
    with TemporaryDirectory(prefix="vestec-kafka-") as folder, asyncio.Runner() as runner:
        cluster = running_cluster(Path(folder))
        with must_have("Kafka", KafkaMissing):
            running = runner.run(cluster.__aenter__())
        yield running
        runner.run(cluster.__aexit__(None, None, None))


@pytest.fixture
def kafka_url(kafka: Cluster) -> str:
    """The URL of an empty log."""
    return f"{kafka.url}/test_{uuid4().hex}"


@pytest.fixture(scope="module")
def distant_kafka() -> Iterator[Cluster]:
    """A broker that sends its clients to a port where nobody listens but a proxy of the test's."""
    with TemporaryDirectory(prefix="vestec-kafka-") as folder, asyncio.Runner() as runner:
        cluster = running_cluster(Path(folder), advertised=free_ports(1))
        with must_have("Kafka", KafkaMissing):
            running = runner.run(cluster.__aenter__())
        yield running
        runner.run(cluster.__aexit__(None, None, None))


@pytest.fixture
async def proxy(distant_kafka: Cluster) -> AsyncIterator[Proxy]:
    """What lies between that broker and its clients."""
    ports = distant_kafka.nodes[0].ports
    async with Proxy.listening(ports.advertised, ports.clients) as proxy:
        yield proxy


@pytest.fixture
def distant_url(distant_kafka: Cluster, proxy: Proxy) -> str:
    """The URL of an empty log on that broker."""
    return f"{distant_kafka.url}/test_{uuid4().hex}"


@pytest.fixture
async def mortal_kafka(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A broker of the test's own, which it may stop, kill and start again."""
    with must_have("Kafka", KafkaMissing):
        cluster = running_cluster(tmp_path)
        running = await cluster.__aenter__()
    try:
        yield running
    finally:
        await cluster.__aexit__(None, None, None)
