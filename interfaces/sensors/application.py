"""Faust, as sensor feeds need it: what is set, and what of it is ours."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
import structlog

from bus.kafka.address import Address
from interfaces.sensors.recovery import Transport
from interfaces.sensors.topics import GROUP

_TOGETHER = 1000
"""Readings of a batch, at most."""
_END_WITHIN = 10.0
_ANSWERED = 1.0
"""Seconds more than a lease within which brokers answer: so all has ended before `_END_WITHIN`."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class SensorSettings:
    """Where a worker works; `lease` is after how many seconds it is replaced if silent."""

    url: str
    """Of the log, `kafka://…`."""
    folder: Path
    """For what Faust puts into files."""
    lease: float = 6.0


def application(address: Address, settings: SensorSettings) -> faust.App:
    """Not started yet."""
    settings.folder.mkdir(parents=True, exist_ok=True)  # Faust makes no parents
    client = address.client
    return _App(
        address.prefix + GROUP,
        broker=[f"kafka://{server}" for server in client["bootstrap_servers"]],
        broker_credentials=_credentials(client),
        broker_session_timeout=settings.lease,
        broker_heartbeat_interval=settings.lease / 3,
        # By default 60 s, 90 s and 20 min: so long would a request that nobody answers, sent before
        # a connection broke, keep this worker from leaving its partitions, and all others waiting.
        broker_rebalance_timeout=settings.lease,
        broker_request_timeout=settings.lease + _ANSWERED,
        producer_request_timeout=settings.lease + _ANSWERED,
        store="memory://",
        datadir=settings.folder,
        table_standby_replicas=0,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_max_poll_records=_TOGETHER,
        producer_acks=-1,
        # What is in hand when a partition is taken away may wait for long; it harms nothing.
        stream_wait_empty=False,
        web_enabled=False,
    )


async def stop(app: faust.App) -> None:
    """Leave the group at once, so that others go on."""
    try:
        async with asyncio.timeout(_END_WITHIN):
            await app.stop()
    except TimeoutError:
        _log.warning("Faust did not stop", within=_END_WITHIN)


class _App(faust.App):
    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self, loop=self.loop)


def _credentials(client: Mapping[str, Any]) -> faust.SASLCredentials | faust.SSLCredentials | None:
    context = client.get("ssl_context")
    if "sasl_mechanism" in client:
        return faust.SASLCredentials(
            username=client["sasl_plain_username"],
            password=client["sasl_plain_password"],
            mechanism=client["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
