"""A broker that wants certificates and passwords of its clients; both are `alice`'s."""

import asyncio
from collections.abc import Iterator
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

from deploy.kafka import Cluster, KafkaMissing, running_cluster
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


@pytest.fixture
def files(folder: Path) -> str:
    return f"ca={folder}/ca.pem&certificate={folder}/both.pem"
