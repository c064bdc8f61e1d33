"""The command `forecast`: from the inputs in a job's folder to the files that README.md lists."""

import hashlib
import json
import os
import socket
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from . import ensemble, files, footprints, fronts, landscape, weather
from .behaviour import Fuelbed
from .errors import InputError
from .request import Request, read_request, stamp
from .results import Results

_INPUTS = ("request.json", "landscape.tif", "weather.csv")


def record_start(folder: Path) -> None:
    """Append one line to program-starts.txt, in one write: the witness that the program started
    once."""
    line = f"{stamp(datetime.now(UTC))} {socket.gethostname()} {os.getpid()}\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    file = os.open(folder / "program-starts.txt", flags, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def forecast(folder: Path, processes: int) -> None:
    """Read the inputs of a folder, burn the ensemble, write all outputs; InputError where the
    input is wrong."""
    request = read_request(folder / "request.json")
    terrain = landscape.read(folder / "landscape.tif")
    conditions = weather.read(folder / "weather.csv")
    digests = {name: files.digest(folder / name) for name in _INPUTS}
    ground, warnings = prepare(request, terrain, conditions)
    members = ensemble.members(request.members, _seed(request, digests), request.parameters)
    runs = ensemble.run(ground, members, processes)
    Results(request, ground, members, runs, warnings, digests).write(folder)


def prepare(
    request: Request, terrain: landscape.Landscape, conditions: weather.Weather
) -> tuple[ensemble.Ground, list[dict[str, str]]]:
    """What the members share, and warnings; InputError where nothing can burn."""
    spells = conditions.spells(request.start, request.hours)
    inside = [place for place in request.ignition if footprints.inside(terrain.grid, place)]
    if not inside:
        west, south, east, north = terrain.grid.box()
        raise InputError(
            f"The ignition lies outside the terrain (latitude {south:.3f} to {north:.3f}, "
            f"longitude {west:.3f} to {east:.3f}); give a landscape.tif around it."
        )
    burning = fronts.burning(terrain.grid, inside)
    seen = burning >= 0
    burning[~Fuelbed(terrain, request.parameters).burnable] = -1
    if burning.max() < 0:
        fuels = ", ".join(str(fuel) for fuel in np.unique(terrain.fuel[seen]))
        raise InputError(
            f"The ignition lies on ground that does not burn (fuel {fuels}); move it to "
            "the nearest burnable ground, or name a substitute in parameters.fuel_substitutes."
        )
    known = seen | footprints.cover(terrain.grid, request.burned)
    ground = ensemble.Ground(terrain, burning, known, spells, request.parameters)
    return ground, _warnings(request, len(inside))


def _warnings(request: Request, inside: int) -> list[dict[str, str]]:
    warnings = []
    if outside := len(request.ignition) - inside:
        text = f"{outside} of {len(request.ignition)} places that burn lie outside the terrain."
        warnings.append({"code": "outside", "text": text})
    if request.members < 20:
        text = f"Only {request.members} runs: too few to speak of probability."
        warnings.append({"code": "few_members", "text": text})
    return warnings


def _seed(request: Request, digests: dict[str, str]) -> str:
    """Digest of all that decides how the fire burns; the incident's name changes nothing."""
    physics = asdict(request) | {"incident": None, "source": None}
    decisive = [physics, digests["landscape.tif"], digests["weather.csv"]]
    text = json.dumps(decisive, default=stamp, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
