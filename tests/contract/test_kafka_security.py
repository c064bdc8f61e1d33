"""The Kafka log on a broker that wants certificates and passwords."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bus import LogError
from bus.kafka import KafkaLog
from deploy.kafka import Cluster, KafkaMissing, running_cluster
from tests.contract.log_contract import numbered, read_all, until
from tests.without import must_have

MODULE = "org.apache.kafka.common.security"


def write_certificate(folder: Path) -> None:
    """For 127.0.0.1, signed by itself: the one that both sides have, and trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    here = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "ca.pem").write_bytes(certificate)
    (folder / "both.pem").write_bytes(private + certificate)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="vestec-kafka-") as name:
        write_certificate(Path(name))
        yield Path(name)


@pytest.fixture(scope="module")
def secured(folder: Path) -> Iterator[Cluster]:
    clients = "listener.name.clients."
    settings = {
        "listener.security.protocol.map": (
            "CLIENTS:SASL_SSL,BROKERS:PLAINTEXT,CONTROLLERS:PLAINTEXT"
        ),
        f"{clients}ssl.keystore.type": "PEM",
        f"{clients}ssl.keystore.location": str(folder / "both.pem"),
        f"{clients}ssl.truststore.type": "PEM",
        f"{clients}ssl.truststore.location": str(folder / "ca.pem"),
        f"{clients}ssl.client.auth": "required",
        f"{clients}sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        f"{clients}scram-sha-512.sasl.jaas.config": f"{MODULE}.scram.ScramLoginModule required;",
        f"{clients}plain.sasl.jaas.config": (
            f'{MODULE}.plain.PlainLoginModule required user_alice="se:cret";'
        ),
    }
    users = ("--add-scram=SCRAM-SHA-512=[name=alice,password=se:cret]",)
    with asyncio.Runner() as runner:
        cluster = running_cluster(folder, settings=settings, format_options=users)
        with must_have("Kafka", KafkaMissing):
            running = runner.run(cluster.__aenter__())
        yield running
        runner.run(cluster.__aexit__(None, None, None))


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

    async with asyncio.timeout(10):
        await until(none_left)


@pytest.fixture
def files(folder: Path) -> str:
    return f"ca={folder}/ca.pem&certificate={folder}/both.pem"


async def used(url: str) -> None:
    """Everything that has a connection of its own."""
    log = await KafkaLog.connect(url, deadline=5)
    try:
        await log.declare("t", 1)
        await log.append("t", 0, numbered(1))
        await log.wait("t", 0, 0)
        assert [stored.record for stored in await read_all(log, "t", 0)] == numbered(1)
        async with asyncio.timeout(10), log.membership("g", "t") as member:
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


async def test_a_certificate_that_is_not_trusted_is_refused_with_the_reason(
    secured: Cluster, folder: Path
) -> None:
    url = f"kafka://alice:se%3Acret@{secured.servers}?certificate={folder}/both.pem"
    with pytest.raises(LogError, match="certificate verify failed"):
        await KafkaLog.connect(url, deadline=5)
