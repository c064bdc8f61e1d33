"""What a settings file may declare, and what it is told when it is wrong."""

from pathlib import Path

import pytest

from interfaces.sensors import FeedsError, read_feeds
from interfaces.sensors.feeds import parse_feeds
from interfaces.sensors.readings import Malformed, Reading, decode

BEYOND = """when = "threshold"
value = "speed"
above = 60
window = { size = 600 }"""
RULE = f"""
[weather]
key = "station"
time = "time"
[weather.rules.gale]
{BEYOND}
endpoint = "stations"
"""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("above = 60", ""), "weather.rules.gale.threshold: .*above or below"),
        (("size = 600", "size = 600, every = 700"), "every <= size"),
        (('"threshold"', '"treshold"'), "weather.rules.gale: .*treshold"),
        (("speed", ""), "weather.rules.gale.threshold.value"),
        (('endpoint = "stations"', ""), "weather.rules.gale.threshold.endpoint: Field required"),
        (('key = "station"', 'keys = "station"'), "weather.keys: Extra inputs"),
        (("weather", "parked"), "no feed"),
        (('"threshold"', '"count"\nat_least = 1001'), "at_least"),
        (("size = 600", "size = 600, every = 0.1"), "at most 5000 windows overlap"),
        (
            (BEYOND, 'when = "count"\nat_least = 1000\nwindow = { size = 6 }'),
            "weather: .*of a key 10991 readings .*10991 for the rule gale: 8000 at most",
        ),
        (("[weather]", "[weather"), "Expected"),
        ((RULE, ""), "there are none"),
        ((RULE, RULE.replace("weather", '"a.b"') + RULE.replace("weather", "a_b")), "one name"),
    ],
)
def test_mistakes_are_told_with_their_place(
    wrong: tuple[str, str], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "sensors.toml"
    file.write_text(RULE.replace(*wrong))
    with pytest.raises(FeedsError, match=said):
        read_feeds(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FeedsError, match=r"sensors\.toml"):
        read_feeds(tmp_path / "sensors.toml")


def read(value: bytes | None) -> Reading:
    feed = parse_feeds(RULE)["weather"]
    return decode(feed, value, stamp=0, now=1_000_000, partition=2, offset=7)


def test_a_reading() -> None:
    expected = Reading("KSTS", 61_500, {"speed": 12.0}, 2, 7, 1_000_000)
    for time in ('"1970-01-01T00:01:01.5Z"', '"1970-01-01T01:01:01.500+01:00"', "61.5"):
        said = b'{"station": "KSTS", "speed": 12, "time": %s, "more": []}' % time.encode()
        assert read(said) == expected
    assert read(b'{"station": 17, "speed": null, "time": 0}').values == {"speed": None}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 10_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"speed": 1, "time": 0}', "station is no key"),
        (b'{"station": true, "speed": 1, "time": 0}', "station is no key"),
        (b'{"station": "a\\nb", "speed": 1, "time": 0}', "cannot be printed"),
        (b'{"station": "%s", "speed": 1, "time": 0}' % (b"a" * 256), "station is no key"),
        (b'{"station": "a", "speed": 1}', "time is no time"),
        (b'{"station": "a", "speed": 1, "time": 1e300}', "time is no time"),
        (b'{"station": "a", "speed": 1, "time": "noon"}', "time is no time"),
        (b'{"station": "a", "speed": 1, "time": 1061}', "61 s ahead of ours"),
        (b'{"station": "a", "speed": 1, "time": "0001-01-01T00:00:00Z"}', "before 1970"),
        (b'{"station": "a", "speed": 1, "time": "0001-01-01T00:00:00+14:00"}', "before 1970"),
        (b'{"station": "a", "speed": 1, "time": "9999-12-31T23:59:59Z"}', "ahead of ours"),
        (b'{"station": "a", "speed": 1, "time": "9999-12-31T23:59:59-14:00"}', "ahead of ours"),
        (b'{"station": "a", "speed": 1, "time": -1}', "before 1970"),
        (b'{"station": "a", "time": 0}', "speed is missing"),
        (b'{"station": "a", "speed": "12", "time": 0}', "speed is no number"),
        (b'{"station": "a", "speed": NaN, "time": 0}', "not JSON"),
        (b'{"station": "a", "speed": 1%s, "time": 0}' % (b"0" * 400), "speed is no number"),
        (b'{"station": "a", "speed": 1%s, "time": 0}' % (b"0" * 5000), "no"),
        (b'{"station": "a", "speed": 1e400, "time": 0}', "speed is no number"),
        (b'{"station": 1%s, "speed": 1, "time": 0}' % (b"0" * 5000), "no"),
    ],
)
def test_what_is_no_reading_is_told_why(value: bytes | None, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        read(value)


def test_a_time_that_kafka_does_not_have_is_told() -> None:
    feed = parse_feeds(RULE.replace('time = "time"', ""))["weather"]
    with pytest.raises(Malformed, match="before 1970"):
        decode(feed, b'{"station": "a", "speed": 1}', stamp=-1, now=0, partition=0, offset=0)
