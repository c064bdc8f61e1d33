"""Two processes of different parts that share nothing but PostgreSQL and a bucket."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.interfaces.cli.vestec import COMMAND, as_json, eventually, vestec
from tests.s3 import SECRET, S3Server
from tests.servers import database_url, server_url

__all__ = ["database_url", "server_url"]

EDGES = ("gateway", "external-data", "projections")
MANAGERS = (
    *("workflow-manager", "simulation-manager", "data-manager"),
    *("machine-status-manager", "machine-interface"),
)
LARGE = b"time,level\n" + b"2026-01-01T00:00Z,3.2\n" * 20_000


@contextmanager
def process(home: Path, parts: tuple[str, ...], blobs: str) -> Iterator[Any]:
    """`vestec run` in a data folder of its own, as on a host of its own; what it announces."""
    home.mkdir()
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(
            [COMMAND, "run", *parts, "--data", str(home / "data"), "--port", "0", "--json"],
            env={**os.environ, "VESTEC_BLOBS": blobs},
            stdout=subprocess.PIPE,
            stderr=log,
        ) as running,
    ):
        try:
            assert running.stdout
            line = running.stdout.readline()
            assert line, (home / "log").read_text()
            yield json.loads(line)
        finally:
            running.terminate()
            running.wait(30)
    assert SECRET not in (home / "log").read_text()


def refusal(data: Path, blobs: str) -> str:
    """What a process says that would keep blobs where the others do not."""
    ended = subprocess.run(
        [COMMAND, "run", "gateway", "--data", data, "--port", "0"],
        env={**os.environ, "VESTEC_BLOBS": blobs},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1, ended.stderr
    return ended.stderr


def test_what_one_takes_in_the_other_works_on(
    s3: S3Server, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = s3.url()
    for name, value in {"LOG": database_url, "BLOBS": url, "TOKEN_KEY": "k" * 32}.items():
        monkeypatch.setenv(f"VESTEC_{name}", value)
    monkeypatch.setenv("VESTEC_DATA", str(tmp_path / "data"))
    with (
        process(tmp_path / "one", EDGES, url) as edges,
        process(tmp_path / "two", MANAGERS, url),
    ):
        incident = as_json("incidents", "create", "simple", "in a bucket")["id"]
        as_json("incidents", "activate", incident)
        eventually(lambda: len(as_json("incidents", "show", incident)["endpoints"]) == 2)
        pushed = Request(f"{edges['url']}/EDI/data{incident}", LARGE, method="POST")
        with urlopen(pushed, timeout=30) as answer:
            assert answer.status in (200, 201, 202)
        (found,) = eventually(lambda: as_json("data", "list", incident))
        vestec("data", "get", found["id"], "--output", tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == LARGE
        with urlopen(f"{edges['url']}/health", timeout=30) as answer:
            assert SECRET not in answer.read().decode()
        said = refusal(tmp_path / "three", url.replace("?", "-elsewhere?"))
        assert "all need the same VESTEC_BLOBS" in said
        assert SECRET not in said
        assert "***" in vestec("settings")
        assert SECRET not in vestec("settings") + vestec("settings", "--json")
    stored = [one["path"] for page in s3.store(url).list() for one in page]
    assert len(stored) == 1
    assert stored[0].startswith("sha256/")
