"""Faust on a broker that wants certificates and passwords: by the URL of the log, as all others."""

from pathlib import Path

import pytest

from deploy.kafka import Cluster
from tests.interfaces.sensors.test_losses import Outlet, Sensor, so, why, working
from tests.secured_broker import files, folder, secured

__all__ = ["files", "folder", "secured"]


@pytest.mark.parametrize(
    ("user", "options"),
    [("alice:se%3Acret", ""), ("alice", "&sasl=PLAIN&password_file={}/password")],
    ids=["scram", "plain"],
)
async def test_readings_are_taken(
    secured: Cluster, files: str, folder: Path, tmp_path: Path, user: str, options: str
) -> None:
    (tmp_path / "password").write_text("se:cret\n")
    namespace = f"kafka://{user}@{secured.servers}/{tmp_path.name}"
    sensor = Sensor(
        secured.servers,
        namespace,
        **{
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "alice",
            "sasl.password": "se:cret",
            "ssl.ca.location": str(folder / "ca.pem"),
            "ssl.certificate.location": str(folder / "both.pem"),
            "ssl.key.location": str(folder / "both.pem"),
        },
    )
    outlet, url = Outlet(), f"{namespace}?{files}{options.format(tmp_path)}"
    async with working(url, tmp_path, outlet):
        await sensor.finds_its_topic()
        sensor.gale("A")
        await so("it is found", lambda: outlet.keys() == {"A"})
        await sensor.is_remembered()
    sensor.gale("B")
    async with working(url, tmp_path, outlet):
        await so("the next is found", lambda: outlet.keys() == {*"AB"})
        assert len(outlet.found) == 2


async def test_a_wrong_password_is_told(secured: Cluster, files: str, tmp_path: Path) -> None:
    url = f"kafka://alice:guessed@{secured.servers}/wrong?{files}"
    async with working(url, tmp_path, Outlet()) as running:
        await so("it says why", lambda: "Authentication" in why(running))
        assert "guessed" not in why(running)
