"""A benchmark's output, as programs read it."""

import json
import subprocess
import sys

import pytest

from benchmarks.__main__ import main


@pytest.mark.parametrize("name", ["append", "stages", "replay"])
def test_it_prints_one_json_object(name: str) -> None:
    command = [sys.executable, "-m", "benchmarks", name, "--engine", "memory", "--json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(said.stdout)
    assert found["value"] > 0
    assert found["unit"].endswith("/s")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["append", "--log", "memroy"], "there is no engine 'memroy'"),
        (["append", "--events", "10"], "--events is for `rebuild` alone"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(options)
    assert sentence in capsys.readouterr().err
