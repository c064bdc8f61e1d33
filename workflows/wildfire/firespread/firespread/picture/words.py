"""Times, ages, winds and areas in the words of a duty officer."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from ..units import KM_PER_HOUR_PER_MPH, METRES_PER_SECOND_PER_MPH, WIND_10M_PER_20FT

_QUARTERS = (
    "north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west",
)  # fmt: skip
_BEAUFORT = (
    (0.5, "calm"), (1.6, "light air"), (3.4, "light breeze"), (5.5, "gentle breeze"),
    (8.0, "moderate breeze"), (10.8, "fresh breeze"), (13.9, "strong breeze"), (17.2, "near gale"),
    (20.8, "gale"), (24.5, "strong gale"), (28.5, "storm"), (32.7, "violent storm"),
    (math.inf, "hurricane force"),
)  # fmt: skip
_ACRES_PER_HECTARE = 2.4711


@dataclass(frozen=True)
class Clock:
    """Times as people on the spot read them, with UTC beside; UTC alone where no zone is given."""

    zone: tzinfo | None

    def moment(self, time: datetime) -> str:
        """As in "Mon 09 Oct 2017 03:45 PDT (10:45 UTC)"."""
        here, utc = time.astimezone(self.zone or UTC), time.astimezone(UTC)
        words = f"{here:%a %d %b %Y %H:%M} {self.name(time)}"
        if self.zone is None:
            return words
        day = "" if here.date() == utc.date() else f"{utc:%a %d %b} "
        return f"{words} ({day}{utc:%H:%M} UTC)"

    def hour(self, time: datetime, day: bool = False) -> str:
        """As in "03:45", or "Mon 03:45"."""
        here = time.astimezone(self.zone or UTC)
        return f"{here:%a %H:%M}" if day else f"{here:%H:%M}"

    def name(self, time: datetime) -> str:
        """The zone's name at a time, as in "PDT"."""
        return time.astimezone(self.zone or UTC).tzname() or "local"


def age(span: timedelta) -> str:
    """As in "40 min", "3 h", "5 days", "2 years"."""
    minutes = span.total_seconds() / 60
    for unit, size, most in (("min", 1, 120), ("h", 60, 48), ("days", 1440, 730)):
        if minutes / size < most:
            return f"{minutes / size:.0f} {unit}"
    return f"{minutes / 1440 / 365.25:.0f} years"


def area(hectares: float) -> str:
    """As in "10,512 ha (25,976 acres)"."""
    return f"{_number(hectares)} ha ({_number(hectares * _ACRES_PER_HECTARE)} acres)"


def mean_direction(degrees: Sequence[float]) -> float:
    """Where winds come from on average, degrees."""
    east = sum(math.sin(math.radians(each)) for each in degrees)
    north = sum(math.cos(math.radians(each)) for each in degrees)
    return math.degrees(math.atan2(east, north)) % 360


def wind(speeds_mph: Sequence[float], from_degrees: Sequence[float]) -> list[str]:
    """Wind at 20 ft in three lines: where from, how strong (Beaufort's words, taken at 10 m), and
    in figures."""
    mean = mean_direction(from_degrees)
    turns = [(each - mean + 180) % 360 - 180 for each in from_degrees]
    low, high = (f"{(mean + turn) % 360:.0f}°" for turn in (min(turns), max(turns)))
    quarter = _QUARTERS[round(mean / 45) % 8]
    miles = _span(speeds_mph)
    kilometres = _span([speed * KM_PER_HOUR_PER_MPH for speed in speeds_mph])
    return [
        f"Wind from the {quarter} ({low if low == high else f'{low} to {high}'})",
        _joined(_strength(speed) for speed in (min(speeds_mph), max(speeds_mph))).capitalize(),
        f"{miles} mph ({kilometres} km/h)",
    ]


def _strength(mph: float) -> str:
    speed = mph * METRES_PER_SECOND_PER_MPH * WIND_10M_PER_20FT
    return next(name for most, name in _BEAUFORT if speed < most)


def _span(values: Sequence[float]) -> str:
    return _joined(f"{value:.0f}" for value in (min(values), max(values)))


def _joined(ends: Iterable[str]) -> str:
    return " to ".join(dict.fromkeys(ends))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
