"""Hourly weather, the same over the whole terrain: a row holds until the next one, the last one for
an hour."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from .errors import InputError
from .request import stamp

_COLUMNS = (
    "wind_speed_20ft_mph", "wind_from_deg", "dead_fuel_moisture_1h_pct",
    "dead_fuel_moisture_10h_pct", "dead_fuel_moisture_100h_pct",
)  # fmt: skip
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Hour:
    """Weather from `time` to the next row's time, or for an hour."""

    time: datetime
    wind_mph: float
    """at 20 ft"""
    wind_from: float
    """degrees, clockwise from true north"""
    moistures: tuple[float, float, float]
    """of dead 1 h, 10 h and 100 h fuel, in percent"""


@dataclass(frozen=True)
class Spell:
    """A piece of the forecast with one weather; minutes after the start."""

    begin: float
    end: float
    hour: Hour


@dataclass(frozen=True)
class Weather:
    hours: list[Hour]

    def spells(self, start: datetime, hours: int) -> list[Spell]:
        """The weather of a forecast; InputError where it is not all known."""
        end = start + timedelta(hours=hours)
        first, last = self.hours[0].time, self.hours[-1].time + _HOUR
        if start < first or end > last:
            raise InputError(
                f"weather.csv covers {stamp(first)} to {stamp(last)}, not the forecast from "
                f"{stamp(start)} to {stamp(end)}; give weather for that, or ask for fewer hours."
            )
        bounds = pairwise([*(hour.time for hour in self.hours), last])
        return [
            Spell(_minutes(max(begins, start) - start), _minutes(min(ends, end) - start), hour)
            for hour, (begins, ends) in zip(self.hours, bounds, strict=True)
            if begins < end and ends > start
        ]


def read(path: Path) -> Weather:
    """The weather of a CSV file (see README.md); InputError with the line that is wrong."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"weather.csv cannot be read ({error}); put it into the job's folder."
        ) from error
    hours = [_hour(number, row) for number, row in enumerate(rows, start=2)]
    times = [hour.time for hour in hours]
    if not hours or times != sorted(set(times)):
        raise InputError("weather.csv needs at least one row, in order of time and none twice.")
    return Weather(hours)


def _hour(number: int, row: dict[str, str]) -> Hour:
    try:
        wind, direction, *moistures = (float(row[name]) for name in _COLUMNS)
        time = _utc(row["time_utc"])
        if not (0 <= wind < 250 and 0 <= direction <= 360 and all(0 < m < 100 for m in moistures)):
            raise ValueError("a value is out of range (mph, degrees, percent)")
    except KeyError as error:
        raise InputError(f"weather.csv has no column {error}; README.md lists them.") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"weather.csv line {number}: {error}; correct it.") from error
    one, ten, hundred = moistures
    return Hour(time, wind, direction, (one, ten, hundred))


def _utc(text: str) -> datetime:
    """A time of the column: UTC where it names no zone."""
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60
