"""Tables with something wrong in them: it is refused with its row, and hurts no other."""

import pytest

from workflows.wildfire.detections import read_feed
from workflows.wildfire.weather import COLUMNS, read_weather

FEED = "latitude,longitude,acq_date,acq_time,satellite,confidence,frp\n"
GOOD = "38.6,-122.6,2017-10-09,1015,N,n,5\n"
LONG = "9" * 200_000
HOURS = [f"2017-10-09T{hour:02}:00,20,45,3,4,5" for hour in range(4, 8)]


def weather(row: str) -> str:
    return "\n".join([",".join(COLUMNS), HOURS[0], row, *HOURS[2:], ""])


@pytest.mark.parametrize(
    "row",
    [
        GOOD.replace("38.6", LONG),
        GOOD.replace("38.6", "nan"),
        GOOD.replace("38.6", "90"),
        GOOD.replace("-122.6", "inf"),
        GOOD.replace(",5", ",inf"),
        GOOD.replace(",5", ",nan"),
        GOOD.replace("1015", "9999"),
        GOOD.replace(",n,", ",zzz,"),
        GOOD.replace("N", "N" * 1000),
        GOOD.replace(",5", ""),
        ",,,,,,\n",
    ],
)
def test_a_bad_row_of_a_feed_is_refused_and_the_others_are_taken(row: str) -> None:
    read = read_feed(FEED + GOOD + row + GOOD.replace("38.6", "38.7"), None)
    assert [refused.row for refused in read.refused] == [3]
    assert read.refused[0].reason
    assert len(read.passes[0].detections) == 2


def test_rows_are_counted_as_an_editor_does() -> None:
    (refused,) = read_feed(FEED + "\n\n" + GOOD + GOOD.replace("1015", "x"), None).refused
    assert refused.row == 5


@pytest.mark.parametrize("newline", ["\r", "\r\n"])
def test_any_kind_of_line_is_a_row(newline: str) -> None:
    read = read_feed((FEED + GOOD).replace("\n", newline), None)
    assert (len(read.passes), read.refused) == (1, [])


def test_a_header_that_cannot_be_read_is_no_table() -> None:
    with pytest.raises(ValueError, match="not a FIRMS table: field larger than field limit"):
        read_feed(LONG, None)
    with pytest.raises(ValueError, match="not a weather table: field larger than field limit"):
        read_weather(LONG)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("wind_speed_20ft_mph", "-50", r"is '-50'; it is a number from 0 to 200 \(mph\)"),
        ("wind_speed_20ft_mph", "1e12", "a number from 0 to 200"),
        ("wind_speed_20ft_mph", "nan", "a number from 0 to 200"),
        ("wind_speed_20ft_mph", "calm", "a number from 0 to 200"),
        ("wind_from_deg", "9999", r"a number from 0 to 360 \(degrees\)"),
        ("dead_fuel_moisture_1h_pct", "-5", r"a number from 0.1 to 99 \(percent\)"),
        ("dead_fuel_moisture_100h_pct", "inf", r"a number from 0.1 to 99 \(percent\)"),
    ],
)
def test_weather_that_there_is_not_is_refused_with_its_row(
    column: str, value: str, why: str
) -> None:
    cells = HOURS[1].split(",")
    cells[COLUMNS.index(column)] = value
    with pytest.raises(ValueError, match=f"^weather, row 3: {column} .*{why}"):
        read_weather(weather(",".join(cells)))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (HOURS[1].rpartition(",")[0], "not as many values as there are columns"),
        (HOURS[1].replace("45", LONG), "field larger than field limit"),
        (HOURS[0], "not later than the row before"),
    ],
)
def test_a_row_that_is_none_is_refused_with_a_sentence(row: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^weather, row 3: {why}"):
        read_weather(weather(row))
