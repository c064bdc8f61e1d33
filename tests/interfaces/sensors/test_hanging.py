"""A worker some of whose requests nobody answers, while its group hears of it as always."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.kafka import Cluster
from interfaces.sensors import worker
from interfaces.sensors.recovery import Consumer as Taking
from tests.brokers import distant_kafka, kafka, kafka_url
from tests.interfaces.sensors.conftest import reading
from tests.interfaces.sensors.test_losses import Outlet, Sensor, so, why, working
from tests.proxy import Gates, Proxy

__all__ = ["distant_kafka", "kafka", "kafka_url"]

KEPT = b'"newest"'
"""In what is written to a changelog."""
FETCHED = bytes.fromhex("ffffffff 000005dc")
"""In a request of Faust's for records: by no replica, waiting for 1500 ms at most."""
BOUND = 40.0
"""Seconds: for a lease and what comes after it, on a busy machine. Faust alone waits 90 or 1200."""


class Network:
    """Each connection has gates of its own; `trap` is what closes those of new ones."""

    def __init__(self) -> None:
        self.trap: bytes | None = None
        self.asked = bytearray()
        self._gates = list[Gates]()

    def gates_of(self, _peer: socket.socket) -> Gates:
        gates = Gates()
        gates.trap = self.trap
        self._gates.append(gates)
        return gates

    def hangs(self) -> bool:
        return any(not gates.requests.is_set() for gates in self._gates)


@pytest.fixture
async def network(distant_kafka: Cluster) -> AsyncIterator[Network]:
    network, ports = Network(), distant_kafka.nodes[0].ports
    async with Proxy.listening(ports.advertised, ports.clients, network.gates_of) as proxy:
        network.asked = proxy.asked
        yield network


@dataclass
class Station:
    """A sensor of another make, which may block while the proxy works."""

    sensor: Sensor

    async def gale(self, *stations: str) -> None:
        await asyncio.to_thread(self.sensor.gale, *stations)


async def test_partitions_of_a_worker_that_cannot_save_are_taken_over(
    distant_kafka: Cluster, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{distant_kafka.url}/{tmp_path.name}"
    station = Station(Sensor(distant_kafka.servers, url))
    first, second = Outlet(), Outlet()
    monkeypatch.setattr(worker, "_TRY_AGAIN", 3600.0)
    network.trap = KEPT
    async with working(url, tmp_path / "1", first) as running:
        await so("it owns all", lambda: len(running.owned) == 2)
        await station.gale("A")
        await so("it cannot save", network.hangs)
        network.trap = None
        async with asyncio.timeout(BOUND), working(url, tmp_path / "2", second):
            await station.gale("B", "C")
            await so("the other takes all", lambda: second.keys() == {*"ABC"})


async def test_a_recovery_that_nobody_answers_is_begun_again(
    distant_kafka: Cluster, network: Network, tmp_path: Path
) -> None:
    url = f"{distant_kafka.url}/{tmp_path.name}"
    station, outlet = Station(Sensor(distant_kafka.servers, url)), Outlet()
    async with working(url, tmp_path, outlet) as running:
        await so("it owns all", lambda: len(running.owned) == 2)
        await station.gale("A")
        await so("it is saved", lambda: KEPT in network.asked)
    network.trap = FETCHED
    async with working(url, tmp_path, outlet):
        await so("it waits for an answer", network.hangs)
        network.trap = None
        await station.gale("B")
        async with asyncio.timeout(BOUND):
            await so("it goes on", lambda: outlet.keys() == {*"AB"})


async def test_partitions_of_a_worker_whose_recovery_never_ends_are_given_up(
    kafka: Cluster, kafka_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hears nothing of what it remembers, and its group hears of it."""
    sensor, outlet = Sensor(kafka.servers, kafka_url), Outlet()
    async with working(kafka_url, tmp_path / "before", outlet):
        await sensor.finds_its_topic()
        for partition in (0, 1):
            sensor.says(reading(f"P{partition}", 1000, speed=70), partition=partition)
            await sensor.is_remembered(partition)
    getmany = Taking._getmany

    async def deaf(consumer: Any, *partitions: Any, **how: Any) -> Any:
        if Path(consumer.app.conf.datadir).name != "deaf":
            return await getmany(consumer, *partitions, **how)
        await asyncio.sleep(0.1)
        return {}

    monkeypatch.setattr(Taking, "_getmany", deaf)
    monkeypatch.setattr(worker, "_TRY_AGAIN", 3600.0)
    async with working(kafka_url, tmp_path / "deaf", Outlet()) as running:
        await so("it gives up", lambda: "was read for 21 s" in why(running))
        async with asyncio.timeout(BOUND), working(kafka_url, tmp_path / "other", outlet):
            sensor.gale("Q")
            await so("the other takes all", lambda: outlet.keys() == {"P0", "P1", "Q"})
