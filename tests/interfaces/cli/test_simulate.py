"""A rehearsal as people hold it: a simulated cluster in one terminal, the system in another."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.interfaces.cli.test_far_machine import completed, environment, folder, incident
from tests.interfaces.cli.vestec import COMMAND, eventually, up, vestec

__all__ = ["environment", "folder"]


@contextmanager
def cluster(home: Path, *options: str) -> Iterator[Any]:
    """What a simulated cluster says of itself, while it serves."""
    command = [COMMAND, "machines", "simulate", str(home), "--wait", "0.1", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.terminate()
        assert process.wait(20) == 0


def test_an_incident_is_rehearsed_on_a_simulated_cluster(
    folder: Path,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    with cluster(tmp_path / "home", "--trouble", "0") as said, up(folder, environment):
        access = [
            word
            for name, value in said["access"].items()
            for word in ("--access", f"{name}={json.dumps(value).strip(chr(34))}")
        ]
        vestec(
            "machines", "add", "far", "--connection", said["connection"], "--dialect",
            said["dialect"], *access, "--base-directory", said["base_directory"],
            "--environment", "SITE=here", "--enable", "--data", folder,
        )  # fmt: skip
        one = incident(folder)
        (job,) = eventually(lambda: completed(folder, one))["simulations"]
        assert (job["state"], job["machine"]) == ("COMPLETED", "far")


def test_it_says_how_it_is_added(tmp_path: Path) -> None:
    command = [COMMAND, "machines", "simulate", str(tmp_path / "it's home")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(2)]
        process.terminate()
        assert process.wait(20) == 0
    assert said[1].startswith("vestec machines add rehearsal --connection ssh --dialect slurm")


def test_what_cannot_be_simulated_is_named(tmp_path: Path) -> None:
    command = [COMMAND, "machines", "simulate", str(tmp_path), "--dialect", "condor"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == 1
    assert ended.stderr.startswith("No cluster with condor can be simulated; there are: slurm")
