"""What the workflow knows of the fire model: its files, and how it is started.

`firespread/README.md` describes the files. The machine's environment says where the model's Python
is (`FIRESPREAD_PYTHON`); without it the job's `python3` must have the model.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue

PYTHON_VARIABLE = "FIRESPREAD_PYTHON"
FORECAST = (
    '"${FIRESPREAD_PYTHON:-python3}" -m firespread forecast --processes 2'
    ' && "${FIRESPREAD_PYTHON:-python3}" -m firespread draw'
)
FORECAST_OUTPUTS = (
    "probability.tif",
    "arrival.tif",
    "intensity.tif",
    "perimeters.geojson",
    "forecast.json",
    "members.npz",
    "map.png",
)
WRONG_INPUT = 2
"""The exit code of a model that cannot use what it was given: another run would end the same."""
VERIFY_OUTPUTS = ("scores.json", "map-verified.png")
_VERIFY_WITHIN = 120.0


class ModelFailed(Exception):
    """The model's program refused its input or broke; its own words follow."""


def model_python() -> str:
    """The interpreter of the model's environment on this machine."""
    named = os.environ.get(PYTHON_VARIABLE)
    beside = Path(sys.prefix).with_name(".venv-fire") / "bin" / "python"
    return named or (str(beside) if beside.exists() else "python3")


def verify(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Score a forecast against a pass and draw both: the model's own program, run here.

    `files`: a forecast's inputs and outputs by name, and `detections.json`. Raises `ModelFailed`.
    """
    with TemporaryDirectory(prefix="vestec-verify-") as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        for command in ("verify", "draw"):
            _run(command, folder)
        return {name: Path(folder, name).read_bytes() for name in VERIFY_OUTPUTS}


def as_json(value: JsonValue) -> bytes:
    """JSON in one way only, so that the same content has the same digest."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _run(command: str, folder: str) -> None:
    python = model_python()
    if shutil.which(python) is None:
        raise ModelFailed(f"there is no {python}; set {PYTHON_VARIABLE} to the model's Python")
    try:
        done = subprocess.run(
            [python, "-m", "firespread", command],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_VERIFY_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelFailed(f"firespread {command} took longer than {_VERIFY_WITHIN:g} s") from None
    if done.returncode:
        raise ModelFailed(
            f"firespread {command} ended with {done.returncode}: {done.stderr[-800:]}"
        )
