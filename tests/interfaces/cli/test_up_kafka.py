"""`vestec up --log kafka://…`: all in one process, with read models in the folder's PostgreSQL."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interfaces.cli.vestec import as_json, complaint, eventually, up, vestec
from tests.room import short_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as parent:
        yield parent / "data"


def test_an_incident_goes_on_after_a_kill(
    folder: Path, kafka_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESTEC_DATA", str(folder))
    monkeypatch.setenv("VESTEC_LOG", kafka_url)
    monkeypatch.setenv("VESTEC_BLOBS", f"file://{tmp_path}/blobs")
    file = tmp_path / "numbers.csv"
    file.write_text("1,2\n")
    with up(folder) as system:
        incident = as_json("incidents", "create", "simple", "on Kafka")["id"]
        as_json("incidents", "activate", incident)
        eventually(lambda: as_json("incidents", "show", incident)["incident"]["status"] == "ACTIVE")
        eventually(lambda: len(as_json("incidents", "show", incident)["endpoints"]) == 2)
        as_json("incidents", "push", incident, "data", file)
        eventually(lambda: len(as_json("data", "list", incident)) == 1)
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("VESTEC_BLOBS", f"file://{tmp_path}/others")
            assert "keeps blobs in" in complaint("incidents", "push", incident, "data", file)
        with monkeypatch.context() as forgotten:
            forgotten.delenv("VESTEC_LOG")
            assert "set VESTEC_LOG" in complaint(
                "incidents", "cancel", incident, "--reason", "rain"
            )
        system.end(signal.SIGKILL)
    with up(folder):
        as_json("incidents", "push", incident, "data", file)
        eventually(lambda: len(as_json("data", "list", incident)) == 2)
        over = as_json("incidents", "cancel", incident, "--reason", "rain")
        assert over["status"] == "CANCELLED"
    vestec("log", "verify")
