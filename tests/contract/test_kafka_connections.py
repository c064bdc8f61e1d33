"""Connections to Kafka that come to a bad end."""

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient

from bus.kafka.address import Address
from bus.kafka.connections import CLOSE_WITHIN, Client, Connections, end_client
from deploy.kafka import Cluster
from tests.contract.log_contract import until
from tests.patience import PATIENCE
from tests.proxy import Proxy

MORE_THAN_A_SOCKET_TAKES = 64 << 20


@pytest.fixture
async def stuck(distant_kafka: Cluster, proxy: Proxy) -> AIOKafkaClient:
    """A client with bytes for a broker that takes none."""
    client = AIOKafkaClient(bootstrap_servers=distant_kafka.servers)
    await client.bootstrap()
    assert await client.ready(1)
    proxy.gates.close()
    for connection in client._conns.values():
        connection._writer.write(bytes(MORE_THAN_A_SOCKET_TAKES))
    return client


async def test_one_that_cannot_flush_is_left_and_who_ends_it_goes_on(stuck: AIOKafkaClient) -> None:
    async with asyncio.timeout(3 * CLOSE_WITHIN + 5):
        await end_client(stuck)


async def test_one_that_another_call_has_ended_is_of_no_use(kafka: Cluster) -> None:
    connections = Connections(Address.parse(kafka.url), deadline=0.5)
    client = await connections.client()
    connections.discard(client)
    await connections.close()
    async with asyncio.timeout(PATIENCE):
        assert not await connections.refresh(client)


async def test_one_that_is_being_made_while_its_client_ends_is_closed(
    distant_kafka: Cluster, proxy: Proxy
) -> None:
    client = Client(bootstrap_servers=distant_kafka.servers)
    await client.bootstrap()
    proxy.gates.answers.clear()
    before = len(proxy.asked)

    async def asked() -> bool:
        return len(proxy.asked) > before

    making = asyncio.create_task(client.ready(1))
    async with asyncio.timeout(PATIENCE):
        await until(asked)
    await end_client(client)
    proxy.gates.open()
    assert not await making


async def test_who_ends_one_can_be_cancelled(stuck: AIOKafkaClient) -> None:
    ending = asyncio.create_task(end_client(stuck))
    await asyncio.wait([ending], timeout=CLOSE_WITHIN / 2)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
