"""What a picture shows, read from a job's folder: the forecast, its score, and what a site adds
(`places.json`, `picture.json`)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from .. import landscape
from ..arrays import Booleans, Floats
from ..errors import InputError
from ..maps import probability
from ..request import Detections, read_detections, time_of
from ..results import NEVER
from .words import Clock

_Value = TypeVar("_Value")
_INPUTS = ("fire", "weather", "terrain")
_IN_FORECAST = (
    "incident", "source", "start", "end", "hours", "members", "ignition", "grid", "areas_ha",
    "burned_at_start_ha", "weather", "weather_first", "warnings",
)  # fmt: skip
_IN_SCORES = (
    "start", "observed_at", "compared_at", "observed", "forecast", "no_change", "ellipse",
    "ember_sensitivity", "best", "verdict",
)  # fmt: skip
_UNRANKED = 3
_HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class Place:
    """A name on the map; the lowest rank is written first and largest."""

    name: str
    latitude: float
    longitude: float
    rank: int


@dataclass(frozen=True)
class Input:
    """What is to be said of an input: words, and the time it was made."""

    text: str
    time: datetime | None


@dataclass(frozen=True)
class Options:
    """What a site adds; see README.md."""

    zone: tzinfo | None = None
    fire: str | None = None
    inputs: dict[str, Input] | None = None


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
    summary = _load(folder / "forecast.json", _summary)
    terrain = landscape.read(folder / "landscape.tif")
    try:
        arrays = np.load(folder / "members.npz")
        arrival, known = arrays["arrival"], arrays["burned"].astype(bool)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"members.npz cannot be read ({error}); run 'firespread forecast' first."
        ) from error
    if known.shape != terrain.grid.shape:
        raise InputError(
            "landscape.tif is not the one of this forecast; run 'firespread forecast' again."
        )
    return Forecast(
        summary=summary,
        terrain=terrain,
        arrival=np.where(arrival == NEVER, np.inf, arrival / 10.0),
        known=known,
        places=_optional(folder / "places.json", _places, []),
        options=_optional(folder / "picture.json", _options, Options()),
        verification=_verification(folder, summary),
    )


def plain(words: object) -> str:
    """Words on one line, without what cannot be printed."""
    return "".join(each for each in " ".join(str(words).split()) if each.isprintable())


def _load(path: Path, build: Callable[[Any], _Value]) -> _Value:
    try:
        return build(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{path.name} is missing; run 'firespread forecast' first.") from error
    except KeyError as error:
        raise InputError(f"{path.name}: {error} is missing; README.md shows its form.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name}: {error}; README.md shows its form.") from error


def _optional(path: Path, build: Callable[[Any], _Value], default: _Value) -> _Value:
    return _load(path, build) if path.exists() else default


def _summary(given: Any) -> dict[str, Any]:
    return _form(given, "firespread-forecast/1", _IN_FORECAST)


def _scores(given: Any) -> dict[str, Any]:
    return _form(given, "firespread-scores/1", _IN_SCORES)


def _form(given: Any, form: str, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(given, dict) or given.get("format") != form:
        raise ValueError(f'this is not an object with "format": "{form}"')
    for name in needed:
        given[name]
    return given


def _verification(folder: Path, summary: dict[str, Any]) -> Verification | None:
    scores, detections = folder / "scores.json", folder / "detections.json"
    if not (scores.exists() and detections.exists()):
        return None
    given, seen = _load(scores, _scores), read_detections(detections)
    same = given["start"] == summary["start"] and time_of(given["observed_at"]) == seen.time
    if not same:
        raise InputError(
            "scores.json is not of this forecast and these detections; run 'firespread verify' "
            "again."
        )
    return Verification(seen, given)


def _places(given: Any) -> list[Place]:
    if not isinstance(given, list):
        raise ValueError("this is not a list of places")
    places = [_place(each) for each in given]
    return sorted(places, key=lambda place: (place.rank, place.name))


def _place(given: dict[str, Any]) -> Place:
    place = Place(
        plain(given["name"]),
        float(given["latitude"]),
        float(given["longitude"]),
        int(given.get("rank", _UNRANKED)),
    )
    if not (-90 < place.latitude < 90 and -180 <= place.longitude <= 180):
        raise ValueError(f"'{place.name}' at {place.latitude}, {place.longitude} is not on earth")
    return place


def _options(given: Any) -> Options:
    given = _form(given, "firespread-picture/1")
    inputs = given.get("inputs", {})
    if unknown := set(inputs) - set(_INPUTS):
        raise ValueError(f"inputs may be {', '.join(_INPUTS)}, not {', '.join(sorted(unknown))}")
    return Options(
        zone=_zone(given["time_zone"]) if "time_zone" in given else None,
        fire=given.get("fire"),
        inputs={
            name: Input(plain(each["text"]), time_of(each["time"]) if "time" in each else None)
            for name, each in inputs.items()
        },
    )


def _zone(given: Any) -> tzinfo:
    if isinstance(given, str):
        try:
            return ZoneInfo(given)
        except ZoneInfoNotFoundError as error:
            raise ValueError(
                f"the time zone {given} is not known here; give "
                '{"name": "PDT", "utc_offset_hours": -7} in its place'
            ) from error
    offset = timedelta(hours=float(given["utc_offset_hours"]))
    return timezone(offset, plain(given["name"])[:6])
