"""The weather of a fire: an hourly table, checked before a model reads it."""

import csv
import io
from datetime import datetime, timedelta

from pydantic import BaseModel

from workflows.wildfire.times import utc

COLUMNS = (
    "time_utc",
    "wind_speed_20ft_mph",
    "wind_from_deg",
    "dead_fuel_moisture_1h_pct",
    "dead_fuel_moisture_10h_pct",
    "dead_fuel_moisture_100h_pct",
)
HOUR = timedelta(hours=1)


class Span(BaseModel):
    """When a weather table begins and ends; a row holds for an hour."""

    begins: datetime
    ends: datetime


def read_weather(text: str) -> Span:
    """What a table covers; raises `ValueError` with the row and the reason."""
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(f"not a weather table: it has no column {', '.join(missing)}")
    times: list[datetime] = []
    for number, row in enumerate(rows, start=2):
        try:
            times.append(utc(datetime.fromisoformat(row["time_utc"])))
            for name in COLUMNS[1:]:
                float(row[name])
        except (ValueError, TypeError) as error:
            raise ValueError(f"weather, row {number}: {error}") from error
        if len(times) > 1 and times[-1] <= times[-2]:
            raise ValueError(f"weather, row {number}: not later than the row before")
    if not times:
        raise ValueError("the weather table has no rows")
    return Span(begins=times[0], ends=times[-1] + HOUR)
