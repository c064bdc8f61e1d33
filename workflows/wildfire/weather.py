"""The weather of a fire: an hourly table, checked before a model reads it."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel

from workflows.wildfire.tables import Row, rows_of
from workflows.wildfire.times import utc


class _Bounds(NamedTuple):
    """What the model takes: from the least to the most, both included."""

    least: float
    most: float
    unit: str


_MOISTURE = _Bounds(0.1, 99, "percent")
_MEASURED = {
    "wind_speed_20ft_mph": _Bounds(0, 200, "mph"),
    "wind_from_deg": _Bounds(0, 360, "degrees"),
    "dead_fuel_moisture_1h_pct": _MOISTURE,
    "dead_fuel_moisture_10h_pct": _MOISTURE,
    "dead_fuel_moisture_100h_pct": _MOISTURE,
}
COLUMNS = ("time_utc", *_MEASURED)
WIND_FROM = "wind_from_deg"
"""Degrees clockwise from north: of the tables, and of the readings of weather stations."""
HOUR = timedelta(hours=1)


class Span(BaseModel):
    """When a weather table begins and ends; a row holds for an hour."""

    begins: datetime
    ends: datetime


def read_weather(text: str) -> Span:
    """What a table covers; raises `ValueError` with the row and the reason."""
    times: list[datetime] = []
    for row in rows_of(text, COLUMNS, "a weather table"):
        try:
            times.append(_time(row))
        except ValueError as error:
            raise ValueError(f"weather, row {row.number}: {error}") from error
        if len(times) > 1 and times[-1] <= times[-2]:
            raise ValueError(f"weather, row {row.number}: not later than the row before")
    if not times:
        raise ValueError("the weather table has no rows")
    return Span(begins=times[0], ends=times[-1] + HOUR)


def turned(table: str, since: datetime, wind_from: float) -> str:
    """The table with its wind turned, from a moment on, by as much as was observed at that moment.

    So what was forecast of later changes of the wind stays as it was.
    """
    read = rows_of(table, COLUMNS, "a weather table")
    rows = [{name: row.values[name] for name in COLUMNS} for row in read]
    later = [row for row in rows if _begins(row) + HOUR > utc(since)]
    if later:
        by = wind_from - float(later[0][WIND_FROM])
        for row in later:
            row[WIND_FROM] = f"{(float(row[WIND_FROM]) + by) % 360:g}"
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def angle(one: float, other: float) -> float:
    """Degrees between two directions, 180 at most."""
    way = abs(one - other) % 360
    return min(way, 360 - way)


def _time(row: Row) -> datetime:
    """Of a row whose values are weather."""
    if row.wrong:
        raise ValueError(row.wrong)
    for name, bounds in _MEASURED.items():
        _check(name, row.values[name], bounds)
    return _begins(row.values)


def _begins(values: Mapping[str, str]) -> datetime:
    return utc(datetime.fromisoformat(values["time_utc"]))


def _check(name: str, text: str, bounds: _Bounds) -> None:
    try:
        fits = bounds.least <= float(text) <= bounds.most
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} is {text[:40]!r}; it is a number from {bounds.least:g} to {bounds.most:g}"
            f" ({bounds.unit})"
        )
