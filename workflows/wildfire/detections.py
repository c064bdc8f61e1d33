"""Active-fire detections as NASA FIRMS serves them: read, checked, split into satellite passes.

Both layouts are understood: near real time (`bright_ti4`, confidence l/n/h or a percentage) and the
archive's (`brightness`, `acq_time` without leading zeros). Source: FIRMS, "VNP14IMGTDL" attributes.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events.prose import describe
from workflows.wildfire.tables import Row, rows_of
from workflows.wildfire.times import utc

PASS_GAP = timedelta(minutes=10)
"""Detections of one satellite further apart than this belong to different passes."""

_NEEDED = ("latitude", "longitude", "acq_date", "acq_time", "satellite", "confidence")
_LOW_PERCENT = 30
"""A MODIS confidence below this is "low" (MODIS Active Fire User's Guide, table 9)."""


class Area(BaseModel):
    """A box in degrees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    west: float = Field(ge=-180, le=180)
    south: float = Field(ge=-90, le=90)
    east: float = Field(ge=-180, le=180)
    north: float = Field(ge=-90, le=90)

    def holds(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


class Detection(BaseModel):
    """A pixel in which a satellite saw fire."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    latitude: float = Field(gt=-90, lt=90)
    longitude: float = Field(ge=-180, le=180)
    scan_km: float = Field(gt=0, le=10)
    """Width of the pixel, west to east."""
    track_km: float = Field(gt=0, le=10)
    """Height of the pixel, south to north."""
    time: datetime
    satellite: str = Field(max_length=40)
    frp_mw: float | None = None
    """Fire radiative power."""


class Pass(BaseModel):
    """What one satellite saw in one overpass, in order of time."""

    satellite: str
    time: datetime
    """Of its first detection."""
    detections: list[Detection]


class RefusedRow(BaseModel):
    """A row that is not a detection, and why."""

    row: int
    """The line of the file on which it ends, counted from 1."""
    reason: str


class Read(BaseModel):
    """What a feed file held."""

    passes: list[Pass]
    refused: list[RefusedRow]
    not_credible: int = 0
    outside: int = 0


def read_feed(text: str, area: Area | None) -> Read:
    """The credible detections of a feed file inside the area, by pass; bad rows with reasons.

    Raises `ValueError` when the file is no table of detections at all.
    """
    detections: list[Detection] = []
    read = Read(passes=[], refused=[])
    for row in rows_of(text, _NEEDED, "a FIRMS table"):
        try:
            detection = _detection(row)
            low = _low(row.values["confidence"])
        except ValueError as error:
            read.refused.append(RefusedRow(row=row.number, reason=_sentence(error)))
            continue
        if low:
            read.not_credible += 1
        elif area and not area.holds(detection.latitude, detection.longitude):
            read.outside += 1
        else:
            detections.append(detection)
    read.passes = split_into_passes(detections)
    return read


def split_into_passes(detections: Iterable[Detection]) -> list[Pass]:
    """Passes in order of time: a gap of over ten minutes or another satellite begins one."""
    passes: list[Pass] = []
    newest: dict[str, Pass] = {}
    for detection in sorted(set(detections), key=_order):
        current = newest.get(detection.satellite)
        if current is None or detection.time - current.detections[-1].time > PASS_GAP:
            current = Pass(satellite=detection.satellite, time=detection.time, detections=[])
            newest[detection.satellite] = current
            passes.append(current)
        current.detections.append(detection)
    return sorted(passes, key=lambda one: one.time)


def merge(known: Sequence[Pass], new: Sequence[Pass]) -> list[Pass]:
    """All passes; repeats of a detection are dropped, parts of one pass are joined."""
    return split_into_passes(d for one in (*known, *new) for d in one.detections)


def _detection(row: Row) -> Detection:
    if row.wrong:
        raise ValueError(row.wrong)
    values = row.values
    return Detection(
        latitude=float(values["latitude"]),
        longitude=float(values["longitude"]),
        scan_km=float(values.get("scan") or 0.375),
        track_km=float(values.get("track") or 0.375),
        time=_time(values["acq_date"], values["acq_time"]),
        satellite=values["satellite"].strip(),
        frp_mw=float(values["frp"]) if values.get("frp") else None,
    )


def _time(date: str, clock: str) -> datetime:
    """`2017-10-09` and `1015`, or `5` for five past midnight, in UTC."""
    digits = clock.strip().replace(":", "").zfill(4)
    if len(digits) != 4 or not digits.isdigit():
        raise ValueError(f"acq_time {clock!r} is not a time of day")
    return utc(datetime.strptime(f"{date.strip()} {digits}", "%Y-%m-%d %H%M"))


def _low(confidence: str) -> bool:
    word = confidence.strip().lower()
    if word.isdigit():
        return int(word) < _LOW_PERCENT
    if word not in ("l", "low", "n", "nominal", "h", "high"):
        raise ValueError(f"confidence {confidence!r} is none that FIRMS uses")
    return word in ("l", "low")


def _order(detection: Detection) -> tuple[datetime, str, float, float]:
    return detection.time, detection.satellite, detection.latitude, detection.longitude


def _sentence(error: ValueError) -> str:
    return describe(error) if isinstance(error, ValidationError) else str(error)
