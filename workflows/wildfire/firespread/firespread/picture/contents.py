"""What a picture shows, read from a job's folder."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .. import landscape
from ..arrays import Booleans, Floats
from ..errors import InputError
from ..maps import probability
from ..request import Detections, read_detections, time_of
from ..results import NEVER
from .options import Options, Place, read_options, read_places
from .reading import form_of, load, plain
from .words import Clock

_IN_FORECAST = (
    "incident", "source", "start", "end", "hours", "members", "ignition", "grid", "areas_ha",
    "burned_at_start_ha", "weather", "weather_first", "warnings",
)  # fmt: skip
_IN_SCORES = (
    "start", "observed_at", "compared_at", "observed", "forecast", "no_change", "ellipse",
    "ember_sensitivity", "best", "verdict",
)  # fmt: skip
_HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class Verification:
    """What the next pass saw, and the content of scores.json."""

    detections: Detections
    scores: dict[str, Any]

    @property
    def compared_at(self) -> datetime:
        """The time of the pass, or the forecast's end where that comes first."""
        return time_of(self.scores["compared_at"])


@dataclass(frozen=True)
class Forecast:
    """A forecast that is done; the rasters lie on the terrain's grid."""

    summary: dict[str, Any]
    """the content of forecast.json"""
    terrain: landscape.Landscape
    arrival: Floats
    """(members, rows, columns) minutes after the start, infinite for never"""
    known: Booleans
    """seen burning or burned at the start"""
    places: list[Place]
    options: Options
    verification: Verification | None

    @cached_property
    def start(self) -> datetime:
        return time_of(self.summary["start"])

    @cached_property
    def end(self) -> datetime:
        return time_of(self.summary["end"])

    @property
    def clock(self) -> Clock:
        return Clock(self.options.zone)

    @property
    def name(self) -> str:
        """Of the incident, on one line."""
        return plain(self.summary["incident"]["name"])

    def hour(self, time: datetime) -> str:
        """As in "03:45", with the day where that alone would be doubtful."""
        return self.clock.hour(time, self.end - self.start > _HALF_A_DAY)

    def chance(self, time: datetime) -> Floats:
        """Share of the members (rows, columns) in which a cell has burned by a time."""
        minutes = (time - self.start).total_seconds() / 60
        return probability(self.arrival, self.known, minutes)


def read(folder: Path) -> Forecast:
    """The content of a folder; InputError where the forecast is not whole or a file is wrong."""
    summary = load(folder / "forecast.json", _summary)
    terrain = landscape.read(folder / "landscape.tif")
    arrival, known = _members(folder / "members.npz")
    if known.shape != terrain.grid.shape:
        raise InputError(
            "landscape.tif is not the one of this forecast; run 'firespread forecast' again."
        )
    return Forecast(
        summary=summary,
        terrain=terrain,
        arrival=arrival,
        known=known,
        places=read_places(folder / "places.json"),
        options=read_options(folder / "picture.json"),
        verification=_verification(folder, summary),
    )


def _members(path: Path) -> tuple[Floats, Booleans]:
    """`arrival` and `known` of a forecast."""
    try:
        with path.open("rb") as file:
            arrays = np.load(file)
            tenths, known = arrays["arrival"], arrays["burned"].astype(bool)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(
            f"{path.name} cannot be read ({error}); run 'firespread forecast' first."
        ) from error
    return np.where(tenths == NEVER, np.inf, tenths / 10.0), known


def _summary(given: Any) -> dict[str, Any]:
    return form_of(given, "firespread-forecast/1", _IN_FORECAST)


def _scores(given: Any) -> dict[str, Any]:
    return form_of(given, "firespread-scores/1", _IN_SCORES)


def _verification(folder: Path, summary: dict[str, Any]) -> Verification | None:
    scores, detections = folder / "scores.json", folder / "detections.json"
    if not (scores.exists() and detections.exists()):
        return None
    given, seen = load(scores, _scores), read_detections(detections)
    same = given["start"] == summary["start"] and time_of(given["observed_at"]) == seen.time
    if not same:
        raise InputError(
            "scores.json is not of this forecast and these detections; run 'firespread verify' "
            "again."
        )
    return Verification(seen, given)
