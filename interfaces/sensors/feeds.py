"""What is looked for in the readings of each feed: a TOML file, checked when it is read.

    [weather]                        # the feed: readings come on vestec.sensors.weather
    key = "station"                  # fields of a reading: whose it is, and when it was taken
    time = "time"

    [weather.rules.wind-shift]
    when = "change"
    value = "wind_from_deg"
    by = 30
    circle = 360
    window = { size = 1800, every = 600 }
    endpoint = "stations"            # every open endpoint of that name is told

Times are in seconds.
"""

import json
import tomllib
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from events.values import Identifier

PREFIX = "vestec.sensors."
PARKED = "parked"
"""No feed's name: the topic of readings that were refused."""

Seconds = Annotated[float, Field(ge=0.001, le=366 * 86400)]
FieldName = Annotated[str, Field(min_length=1, max_length=255)]


class FeedsError(Exception):
    """The settings of the feeds are wrong; the sentence says where."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


_MOST_OVERLAPPING = 5000


class Window(_Declared):
    """Tumbling, or hopping where a new one begins `every` so many seconds.

    They begin at multiples of that since 1970.
    """

    size: Seconds
    every: Seconds | None = None

    @model_validator(mode="after")
    def _overlapping(self) -> Self:
        if self.every_ms > self.size_ms:
            raise ValueError("a new window begins before the last one has ended: every <= size")
        if self.kept(0) > _MOST_OVERLAPPING:
            raise ValueError(f"at most {_MOST_OVERLAPPING} windows overlap")
        return self

    @cached_property
    def size_ms(self) -> int:
        return milliseconds(self.size)

    @cached_property
    def every_ms(self) -> int:
        return self.size_ms if self.every is None else milliseconds(self.every)

    def kept(self, lateness_ms: int) -> int:
        """How many windows are remembered, at most, where readings come so late."""
        return -(-(self.size_ms + lateness_ms) // self.every_ms)


class _Rule(_Declared):
    endpoint: Identifier
    """The name of the endpoints that are told, of every incident that has one open."""


class _Bounds(_Declared):
    above: float | None = None
    below: float | None = None
    """With `above` as well: between the two, or outside them where `below` is the lower one."""

    def hold(self, value: float) -> bool:
        """Whether a value counts."""
        above, below = self.above, self.below
        if above is not None and below is not None and below <= above:
            return value > above or value < below
        return (above is None or value > above) and (below is None or value < below)


class Threshold(_Rule, _Bounds):
    """A value beyond a bound."""

    when: Literal["threshold"]
    value: FieldName
    window: Window

    @property
    def at_least(self) -> int:
        """One is enough."""
        return 1

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("a threshold is above or below something")
        return self


class Count(_Rule, _Bounds):
    """So many readings, or so many whose value is beyond a bound."""

    when: Literal["count"]
    at_least: int = Field(ge=1, le=1000)
    value: FieldName | None = None
    window: Window

    @model_validator(mode="after")
    def _reasonable(self) -> Self:
        if self.value is None and (self.above is not None or self.below is not None):
            raise ValueError("above and below are bounds of a value: say which")
        return self


class Change(_Rule):
    """A value that is at least `by` away from the window's first."""

    when: Literal["change"]
    value: FieldName
    by: float = Field(gt=0)
    circle: float | None = Field(default=None, gt=0)
    """Where the values begin anew: 360 for degrees."""
    window: Window

    @model_validator(mode="after")
    def _reasonable(self) -> Self:
        if self.circle is not None and self.by > self.circle / 2:
            raise ValueError("on a circle nothing is farther away than half of it")
        return self

    @property
    def at_least(self) -> int:
        """The window's first, and one that is far from it."""
        return 2

    def difference(self, one: float, other: float) -> float:
        """How far a value is from another."""
        if self.circle is None:
            return abs(one - other)
        way = abs(one - other) % self.circle
        return min(way, self.circle - way)


class Silence(_Rule):
    """A sensor that was heard once, and then not for `after` seconds."""

    when: Literal["silence"]
    after: Seconds

    @cached_property
    def after_ms(self) -> int:
        return milliseconds(self.after)


Windowed = Threshold | Count | Change
Rule = Annotated[Windowed | Silence, Field(discriminator="when")]

_MOST_KEPT = 8000
"""Readings that are remembered of one key, where each rule counts as two. It is one record of
Kafka's, which holds a million bytes; a reading with its window takes about a hundred of them."""


class Feed(_Declared):
    """The readings of one topic, and what is looked for in them."""

    key: FieldName
    """Whose a reading is: readings of one key are looked at together."""
    time: FieldName | None = None
    """When it was taken (ISO 8601, or seconds since 1970); if unset, its time in Kafka."""
    lateness: Annotated[float, Field(ge=0, le=366 * 86400)] = 60.0
    """Seconds by which a reading may be older than the newest of its key."""
    ahead: Seconds = 60.0
    """Seconds by which a reading's time may be ahead of ours. One that is more than `lateness`
    ahead makes what its key says in time late, until time has come as far."""
    forget: Seconds = 86400.0
    """Seconds after which a key is forgotten that was not heard any more, once all its windows are
    over and its silence was told: senders may make up as many keys as they like."""
    partitions: int = Field(default=1, ge=1, le=1024)
    """Of the topic, if it has to be made. With several, producers must send all readings of a key
    to one, as they do when the Kafka key is that key."""
    retention: Seconds = 7 * 86400.0
    """For which readings are kept on the topic, if it has to be made."""
    rules: Mapping[Identifier, Rule] = Field(min_length=1)

    @model_validator(mode="after")
    def _rememberable(self) -> Self:
        kept = {name: 2 + self._kept(rule) for name, rule in self.rules.items()}
        if (total := sum(kept.values())) > _MOST_KEPT:
            most = max(kept, key=kept.__getitem__)
            raise ValueError(
                f"of a key {total} readings may have to be remembered, {kept[most]} for the rule"
                f" {most}: {_MOST_KEPT} at most. A rule keeps less than at_least of them in each of"
                " (size + lateness) / every windows"
            )
        return self

    def _kept(self, rule: Rule) -> int:
        if isinstance(rule, Silence):
            return 0
        return (rule.at_least - 1) * rule.window.kept(self.lateness_ms)

    @cached_property
    def definitions(self) -> Mapping[str, str]:
        """Of each rule a digest of all that makes it what it is: its settings, and whose and when
        a reading is. A setting that has its default is left out, so that a new one alters none."""
        feed = self.model_dump(include={"key", "time"}, exclude_defaults=True)
        return {
            name: _digest({**feed, "rule": rule.model_dump(exclude_defaults=True)})
            for name, rule in self.rules.items()
        }

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Those of the values that rules look at."""
        looked_at = (getattr(rule, "value", None) for rule in self.rules.values())
        return tuple(dict.fromkeys(name for name in looked_at if name is not None))

    @cached_property
    def lateness_ms(self) -> int:
        return milliseconds(self.lateness)

    @cached_property
    def forget_ms(self) -> int:
        return milliseconds(self.forget)

    @cached_property
    def ahead_ms(self) -> int:
        return milliseconds(self.ahead)


def _digest(settings: object) -> str:
    return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


Feeds = Mapping[str, Feed]

_FEEDS = TypeAdapter(dict[Identifier, Feed])


def read_feeds(file: Path) -> Feeds:
    """The feeds that a file declares, by name. Raises `FeedsError`."""
    try:
        return parse_feeds(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FeedsError(f"the feeds cannot be read from {file}: {error}") from error


def parse_feeds(text: str) -> Feeds:
    """Raises `ValueError` with every mistake, and where it is."""
    declared = tomllib.loads(text)
    try:
        feeds = _FEEDS.validate_python(declared)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError("; ".join(wrong)) from None
    if PARKED in feeds:
        raise ValueError(f"{PARKED} is where refused readings go, and no feed")
    if not feeds:
        raise ValueError("there are none; unset VESTEC_SENSORS where none are wanted")
    alike: dict[str, str] = {}
    for name in feeds:
        if (other := alike.setdefault(name.replace(".", "_"), name)) != name:
            raise ValueError(f"{other} and {name} are one name to Kafka, as . and _ are")
    return feeds


def milliseconds(seconds: float) -> int:
    """Times are counted in whole ones, so that a window's end is the same number everywhere."""
    return round(seconds * 1000)
