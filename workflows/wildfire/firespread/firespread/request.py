"""What is asked for: `request.json` and `detections.json`, read strictly."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from .errors import InputError
from .fuels import STANDARD

_HOURS, _MEMBERS = 48, 500
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Place:
    """A point that burns or burned, or a detection with its footprint."""

    latitude: float
    longitude: float
    scan_km: float = 0.0
    track_km: float = 0.0
    time: str | None = None
    frp_mw: float | None = None

    def __post_init__(self) -> None:
        if not (-90 < self.latitude < 90 and -180 <= self.longitude <= 180):
            raise ValueError(f"{self.latitude}, {self.longitude} is no place on earth")
        if not (0 <= self.scan_km < 100 and 0 <= self.track_km < 100):
            raise ValueError("scan_km and track_km are kilometres, 0 to 100")


@dataclass(frozen=True)
class Incident:
    id: str
    name: str
    exercise: bool


@dataclass(frozen=True)
class Source:
    kind: str
    name: str

    def __post_init__(self) -> None:
        if self.kind not in ("report", "pass"):
            raise ValueError("source.kind is 'report' or 'pass'")


@dataclass(frozen=True)
class Parameters:
    """What may be changed; see README.md."""

    crown_fire: bool = True
    embers: bool = True
    ember_rate_per_kj: tuple[float, float] = (1e-8, 1e-7)
    front_intensity_kw_m: float = 346.0
    front_intensity_factor_sd: float = 2.0
    wind_factor_sd: float = 0.15
    wind_direction_sd_deg: float = 10.0
    moisture_sd_pct: float = 1.0
    live_herbaceous_moisture: float = 0.30
    live_woody_moisture: float = 0.60
    foliar_moisture: float = 0.90
    fuel_substitutes: dict[int, int] = field(default_factory=lambda: {91: 101})

    def __post_init__(self) -> None:
        low, high = self.ember_rate_per_kj
        if not 0 < low <= high:
            raise ValueError("ember_rate_per_kj is a range [low, high] above zero")
        spreads = (self.wind_factor_sd, self.wind_direction_sd_deg, self.moisture_sd_pct)
        levels = (
            self.live_herbaceous_moisture, self.live_woody_moisture, self.foliar_moisture,
            self.front_intensity_kw_m,
        )  # fmt: skip
        if min(spreads) < 0 or min(levels) <= 0 or self.front_intensity_factor_sd < 1:
            raise ValueError("a parameter is below what it may be")
        for fuel, instead in self.fuel_substitutes.items():
            if not 0 <= fuel <= 999 or instead not in STANDARD.numbers:
                raise ValueError(f"fuel_substitutes: {instead} does not burn, or {fuel} is no fuel")


@dataclass(frozen=True)
class Request:
    incident: Incident
    source: Source
    start: datetime
    hours: int
    members: int
    ignition: list[Place]
    burned: list[Place]
    parameters: Parameters

    def __post_init__(self) -> None:
        if not 1 <= self.hours <= _HOURS:
            raise ValueError(f"hours is 1 to {_HOURS}")
        if not 1 <= self.members <= _MEMBERS:
            raise ValueError(f"members is 1 to {_MEMBERS}")
        if not self.ignition:
            raise ValueError("ignition is empty: name at least one place that burns")


@dataclass(frozen=True)
class Detections:
    """What the next pass saw."""

    name: str
    time: datetime
    places: list[Place]


def read_request(path: Path) -> Request:
    """The request in a file; InputError with a sentence where it is not one."""
    with _explained(path):
        given = _object(path, "firespread-request/1")
        return _build(
            Request,
            given
            | {
                "incident": _build(Incident, given.get("incident")),
                "source": _build(Source, given.get("source")),
                "start": time_of(given.get("start")),
                "ignition": _places(given, "ignition"),
                "burned": _places(given, "burned"),
                "parameters": _parameters(given.get("parameters", {})),
            },
        )


def read_detections(path: Path) -> Detections:
    """The detections in a file; InputError with a sentence where they are none."""
    with _explained(path):
        given = _object(path, "firespread-detections/1")
        places = _places(given, "detections")
        return Detections(str(given.get("name", "")), time_of(given.get("time")), places)


def stamp(time: datetime) -> str:
    """A time as this program writes it: UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(text: object) -> datetime:
    """A time from text; ValueError where it is none or does not say its zone."""
    if not isinstance(text, str):
        raise ValueError(f"a time is missing (found {text!r}); write it as 2017-10-09T04:45:00Z")
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"the time {text} has no zone; write it as 2017-10-09T04:45:00Z")
    return time.astimezone(UTC)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path.name} is missing; put it into the job's folder.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name}: {error}; README.md shows its form.") from error


def _object(path: Path, form: str) -> dict[str, Any]:
    given = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    if not isinstance(given, dict) or given.pop("format", None) != form:
        raise ValueError(f'this is not an object with "format": "{form}"')
    return given


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _build(kind: type[_Value], given: object) -> _Value:
    """A dataclass from an object; says which field is missing, unknown or of the wrong type."""
    if not isinstance(given, dict):
        raise ValueError(f"{kind.__name__.lower()} is missing or not an object")
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    for name, each in known.items():
        required = each.default is MISSING and each.default_factory is MISSING
        if name not in given and required:
            raise ValueError(f"'{name}' is missing")
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"'{name}' is not known; it may be {', '.join(known)}")
        _check(name, known[name].type, value)
    return kind(**given)


_SIMPLE: dict[object, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (int, float),
    str: (str,),
    float | None: (int, float, type(None)),
    str | None: (str, type(None)),
}


def _check(name: str, kind: object, value: object) -> None:
    allowed = _SIMPLE.get(kind)
    confused = isinstance(value, bool) and kind is not bool
    if allowed and (confused or not isinstance(value, allowed)):
        raise ValueError(f"'{name}' is {value!r}, which is not of the right type")


def _places(given: dict[str, Any], name: str) -> list[Place]:
    places = given.get(name, [])
    if not isinstance(places, list):
        raise ValueError(f"'{name}' is not a list")
    return [_build(Place, place) for place in places]


def _parameters(given: dict[str, Any]) -> Parameters:
    given = dict(given)
    if "ember_rate_per_kj" in given:
        low, high = given["ember_rate_per_kj"]
        given["ember_rate_per_kj"] = (float(low), float(high))
    if "fuel_substitutes" in given:
        pairs = given["fuel_substitutes"].items()
        given["fuel_substitutes"] = {int(fuel): int(instead) for fuel, instead in pairs}
    return _build(Parameters, given)
