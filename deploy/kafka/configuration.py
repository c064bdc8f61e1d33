"""How a broker on loopback is configured.

Source: Apache Kafka 4.1 documentation, sections "Broker Configs" and "KRaft".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
_PLAIN = "CLIENTS:PLAINTEXT,BROKERS:PLAINTEXT,CONTROLLERS:PLAINTEXT"


@dataclass(frozen=True)
class Ports:
    """Where a node listens: for clients, for the other brokers, and for the other controllers."""

    clients: int
    brokers: int
    controllers: int
    advertised: int
    """Where clients are sent: to `clients`, or to a proxy before it."""


def properties(node: int, nodes: Sequence[Ports], data: Path, more: Mapping[str, str]) -> str:
    """The file `server.properties` of one of the nodes, each broker and controller in one."""
    mine, copies = nodes[node], min(3, len(nodes))
    voters = ",".join(f"{n}@{HOST}:{ports.controllers}" for n, ports in enumerate(nodes, 1))
    brokers, controllers = f"BROKERS://{HOST}:{mine.brokers}", f"CONTROLLERS://{HOST}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": node + 1,
        "controller.quorum.voters": voters,
        "listeners": f"CLIENTS://{HOST}:{mine.clients},{brokers},{controllers}:{mine.controllers}",
        "advertised.listeners": f"CLIENTS://{HOST}:{mine.advertised},{brokers}",
        "listener.security.protocol.map": _PLAIN,
        "inter.broker.listener.name": "BROKERS",
        "controller.listener.names": "CONTROLLERS",
        "log.dirs": data,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": 1,
        # The first member of a group need not wait for others that may come.
        "group.initial.rebalance.delay.ms": 0,
        # For short leases; the broker's own default is 6000.
        "group.min.session.timeout.ms": 500,
        "auto.create.topics.enable": "false",
        # No records for their own sake: they are half of what an idle broker computes.
        "metadata.max.idle.interval.ms": 0,
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
