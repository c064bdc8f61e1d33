"""Kafka for everyone: what it needs, what is said without it, and that nothing is left of it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.kafka import KafkaMissing
from deploy.kafka.distribution import classpath
from tests.interfaces.cli.vestec import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, and a cache with nothing in it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "bin"


def write_program(path: Path, says: str, code: int = 0) -> None:
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)


async def test_without_java(programs: Path) -> None:
    with pytest.raises(KafkaMissing, match="Java 17 or newer: apt-get install"):
        await classpath()


async def test_with_an_old_java(programs: Path) -> None:
    write_program(programs / "java", 'openjdk version "11.0.1" 2018-10-16')
    with pytest.raises(KafkaMissing, match=r"`java -version` says: openjdk version .11"):
        await classpath()


async def test_without_maven(programs: Path) -> None:
    write_program(programs / "java", 'openjdk version "21" 2023-09-19')
    with pytest.raises(KafkaMissing, match="Maven: apt-get install maven"):
        await classpath()


async def test_with_a_maven_that_fails(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "java", 'openjdk version "21" 2023-09-19')
    write_program(programs / "mvn", "[ERROR] it is far away", code=1)
    with pytest.raises(KafkaMissing, match="it is far away"):
        await classpath()
    assert not list((tmp_path / "cache").rglob("*.jar"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_ends_with_who_started_it(
    kafka: object, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "deploy.kafka"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment) as starter:
        try:
            assert starter.stdout
            assert starter.stdout.readline().startswith(b"kafka://127.0.0.1:")
            assert brokers_in(tmp_path)
            starter.send_signal(number)
            starter.wait(30)
        finally:
            starter.kill()
    eventually(lambda: not brokers_in(tmp_path))
    assert (list(tmp_path.iterdir()) == []) == (number == signal.SIGTERM)


def brokers_in(folder: Path) -> list[Path]:
    """The processes of brokers whose files lie there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"kafka.Kafka" in words and any(os.fsencode(folder) in word for word in words):
                found.append(process)
    return found


@pytest.mark.parametrize("ci", [False, True])
def test_tests_without_kafka_are_skipped_loudly_or_fail(tmp_path: Path, ci: bool) -> None:
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    test = "tests/contract/test_kafka_topics.py::test_a_name_that_is_none"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "CI": "true" if ci else ""},
        capture_output=True,
        text=True,
    )
    if ci:
        assert done.returncode == 1
        assert "1 error" in done.stdout
        return
    assert done.returncode == 0
    _, _, shouted = done.stdout.partition("NOT TESTED ON KAFKA")
    assert "Kafka needs Java 17 or newer" in shouted
    assert test in shouted
