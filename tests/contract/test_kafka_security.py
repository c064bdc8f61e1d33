"""The Kafka log on a broker that wants certificates and passwords."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus import LogError
from bus.kafka import KafkaLog
from deploy.kafka import Cluster
from tests.contract.log_contract import numbered, read_all, until
from tests.patience import PATIENCE
from tests.secured_broker import files, folder, secured

__all__ = ["files", "folder", "secured"]


def connections_to(port: int) -> list[str]:
    """By proc_net(5): a row's third field is the other end, its fourth the state."""
    rows = Path("/proc/self/net/tcp").read_text().splitlines()
    established, closing = "01", "08"
    return [
        row
        for row in rows
        if row.split()[2].endswith(f":{port:04X}") and row.split()[3] in (established, closing)
    ]


@pytest.fixture(autouse=True)
async def all_hung_up(secured: Cluster) -> AsyncIterator[None]:
    """In the end no connection to the broker is left; encrypted ones take leave of it first."""
    yield

    async def none_left() -> bool:
        return not connections_to(secured.nodes[0].ports.clients)

    async with asyncio.timeout(PATIENCE):
        await until(none_left)


async def used(url: str) -> None:
    """Everything that has a connection of its own."""
    log = await KafkaLog.connect(url, deadline=5)
    try:
        await log.declare("t", 1)
        await log.append("t", 0, numbered(1))
        await log.wait("t", 0, 0)
        assert [stored.record for stored in await read_all(log, "t", 0)] == numbered(1)
        async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
            assert await member.changed(frozenset()) == {0}
    finally:
        await log.close()


async def test_by_scram_and_certificates(secured: Cluster, files: str) -> None:
    await used(f"kafka://alice:se%3Acret@{secured.servers}/scram?{files}")


async def test_by_plain_with_the_password_in_a_file(
    secured: Cluster, files: str, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("se:cret\n")
    options = f"{files}&sasl=PLAIN&password_file={tmp_path}/password"
    await used(f"kafka://alice@{secured.servers}/plain?{options}")


async def test_a_wrong_password_is_refused_with_the_reason(secured: Cluster, files: str) -> None:
    with pytest.raises(LogError, match="SaslAuthenticationFailed") as refused:
        await KafkaLog.connect(f"kafka://alice:guessed@{secured.servers}?{files}", deadline=5)
    assert "guessed" not in str(refused.value)


async def test_a_broker_that_hangs_up_is_said_to_want_something(secured: Cluster) -> None:
    with pytest.raises(LogError, match="may want tls=on, a user or another certificate"):
        await KafkaLog.connect(f"kafka://{secured.servers}", deadline=5)


async def test_a_certificate_that_is_not_trusted_is_refused_with_the_reason(
    secured: Cluster, folder: Path
) -> None:
    url = f"kafka://alice:se%3Acret@{secured.servers}?certificate={folder}/both.pem"
    with pytest.raises(LogError, match="certificate verify failed"):
        await KafkaLog.connect(url, deadline=5)
