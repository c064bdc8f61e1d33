"""What a site adds to the pictures: names (`places.json`) and words (`picture.json`)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ..request import time_of
from .reading import form_of, load, plain

_INPUTS = ("fire", "weather", "terrain")
_UNRANKED = 3


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
    inputs: dict[str, Input] = field(default_factory=dict)


def read_places(path: Path) -> list[Place]:
    """The names in a file, the lowest rank first; none where there is no file."""
    return load(path, _places) if path.exists() else []


def read_options(path: Path) -> Options:
    """The options in a file, or those of no file."""
    return load(path, _options) if path.exists() else Options()


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
    given = form_of(given, "firespread-picture/1")
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
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(
                f"the time zone {given} is not known here; give "
                '{"name": "PDT", "utc_offset_hours": -7} in its place'
            ) from error
    offset = timedelta(hours=float(given["utc_offset_hours"]))
    return timezone(offset, plain(given["name"])[:6])
