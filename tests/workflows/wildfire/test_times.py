"""Times as they arrive: UTC where they name no zone, and never one that no fire has."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from workflows.wildfire.detections import read_feed
from workflows.wildfire.state import Report
from workflows.wildfire.weather import read_weather

WEATHER = (
    "time_utc,wind_speed_20ft_mph,wind_from_deg,dead_fuel_moisture_1h_pct,"
    "dead_fuel_moisture_10h_pct,dead_fuel_moisture_100h_pct\n{},1,2,3,4,5\n{},1,2,3,4,5\n"
)
FEED = "latitude,longitude,acq_date,acq_time,satellite,confidence\n38.6,-122.6,{},1015,N,n\n"
MORNING = datetime(2017, 10, 9, 4, 45, tzinfo=UTC)

SAME = ["2017-10-09T04:45:00Z", "2017-10-09T04:45:00", "2017-10-09T06:45:00+02:00"]
IMPOSSIBLE = ["9999-12-31T23:30:00", "0001-01-01T00:00:00+14:00", "soon"]


def report(time: str) -> Report:
    return Report.model_validate_json(json.dumps({"latitude": 1, "longitude": 2, "time": time}))


@pytest.mark.parametrize("time", SAME)
def test_a_report_s_time_is_kept_in_utc(time: str) -> None:
    assert report(time).time.isoformat() == MORNING.isoformat()


@pytest.mark.parametrize("time", SAME)
def test_so_are_the_weather_s_times(time: str) -> None:
    assert read_weather(WEATHER.format(time, "2017-10-09T05:45Z")).begins.isoformat() == (
        MORNING.isoformat()
    )


@pytest.mark.parametrize("time", IMPOSSIBLE)
def test_a_time_that_no_fire_has_is_refused(time: str) -> None:
    with pytest.raises(ValidationError):
        report(time)
    with pytest.raises(ValueError, match="row 3"):
        read_weather(WEATHER.format("2017-10-09T04:45Z", time))


def test_a_detection_of_a_year_to_come_is_refused() -> None:
    (refused,) = read_feed(FEED.format("9999-12-31"), None).refused
    assert "9999" in refused.reason
