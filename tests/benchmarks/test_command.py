"""A benchmark's output, as programs read it."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["append", "stages", "replay"])
def test_it_prints_one_json_object(name: str) -> None:
    command = [sys.executable, "-m", "benchmarks", name, "--engine", "memory", "--json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(said.stdout)
    assert found["value"] > 0
    assert found["unit"].endswith("/s")
