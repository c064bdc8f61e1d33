"""A reading, as rules see it, out of what somebody produced."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from typing import NamedTuple

from pydantic_core import from_json

from interfaces.sensors.feeds import Feed, milliseconds

_LONGEST_KEY = 255


class Malformed(ValueError):
    """No reading of this feed; the sentence says why."""


class Reading(NamedTuple):
    """What a sensor said; times are in milliseconds since 1970."""

    key: str
    time: int
    values: Mapping[str, float | None]
    partition: int
    offset: int
    heard: int = 0
    """When it was taken here."""


def decode(
    feed: Feed, value: bytes | None, *, stamp: int, now: int, partition: int, offset: int
) -> Reading:
    """The reading in a record whose time in Kafka is `stamp`; it is `now` (both ms).

    Raises `Malformed`.
    """
    try:
        found = from_json(value or b"", allow_inf_nan=False)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Malformed("not a JSON object")
    time = stamp if feed.time is None else _time(feed.time, found.get(feed.time))
    if time < 0:
        raise Malformed("its time is before 1970: a clock that was not set, or none")
    if time > now + feed.ahead_ms:
        raise Malformed(f"its time is {(time - now) / 1000:.0f} s ahead of ours")
    values = {name: _number(name, found) for name in feed.fields}
    return Reading(_key(feed.key, found.get(feed.key)), time, values, partition, offset, now)


def _key(name: str, found: object) -> str:
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_KEY:
        raise Malformed(f"{name} is no key: a text of 1 to {_LONGEST_KEY} letters, or an integer")
    if not found.isprintable():
        raise Malformed(f"{name} is no key: it has letters that cannot be printed")
    return found


def _time(name: str, found: object) -> int:
    try:
        if isinstance(found, str):
            moment = datetime.fromisoformat(found)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return milliseconds(aware.timestamp())
        if isinstance(found, int | float) and not isinstance(found, bool):
            datetime.fromtimestamp(found, UTC)
            return milliseconds(found)
    except (ValueError, OverflowError, OSError):
        pass
    raise Malformed(f"{name} is no time: ISO 8601, or seconds since 1970")


def _number(name: str, found: Mapping[str, object]) -> float | None:
    if name not in found:
        raise Malformed(f"{name} is missing (null says that it was not measured)")
    value = found[name]
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            if isfinite(number := float(value)):
                return number
    raise Malformed(f"{name} is no number")
