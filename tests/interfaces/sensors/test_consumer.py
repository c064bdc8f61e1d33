"""The end of Faust's consumer, in the midst of which it is cancelled."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from deploy.kafka import Cluster
from interfaces.sensors.consumer import _Thread


class Stopping(_Thread):
    """A thread whose consumer is told to end; nothing else of it is there."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._method_queue, self._consumer = None, consumer


async def test_connections_are_closed_though_the_end_is_cut_short(
    kafka: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.servers)
    await consumer.start()
    assert await consumer._client.ready(1)
    connections: list[Any] = [*consumer._client._conns.values()]

    async def cut() -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(consumer, "stop", cut)
        with pytest.raises(asyncio.CancelledError):
            await Stopping(consumer).on_thread_stop()
    assert not any(one.connected() for one in connections)
    await consumer.stop()
