"""The command `verify`: a forecast's score against the next pass, beside "no change" and the wind
ellipse."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np

from . import ellipse, files, footprints, landscape, maps, weather
from .arrays import Booleans, Floats, Integers
from .errors import InputError
from .request import Detections, Request, read_detections, read_request, stamp
from .results import NEVER
from .scores import Comparison
from .units import M2_PER_HECTARE

_LIKELY, _POSSIBLE = 0.5, 0.1
_NAMES = {"forecast": "the forecast", "no_change": "no change", "ellipse": "the wind ellipse"}
_PARTS = 3


def verify(folder: Path) -> None:
    """Write scores.json; InputError where the forecast or the detections are missing or wrong."""
    files.write_json(folder / "scores.json", _read(folder).scores())


@dataclass(frozen=True)
class Verification:
    """A forecast and what the next pass saw."""

    request: Request
    detections: Detections
    grid: landscape.Grid
    spells: list[weather.Spell]
    arrival: Floats
    """(members, rows, columns) minutes after the start, infinite for never"""
    known: Booleans
    ignition: Booleans
    ember_rates: Floats

    def scores(self) -> dict[str, object]:
        """The content of scores.json."""
        agreement = self._agreement()
        inside = self._share_inside(self._chance(self.arrival) >= _POSSIBLE)
        best = max(agreement, key=lambda name: agreement[name]["iou"])
        return {
            "format": "firespread-scores/1",
            "incident": vars(self.request.incident),
            "source": vars(self.request.source),
            "against": self.detections.name,
            "start": stamp(self.request.start),
            "observed_at": stamp(self.detections.time),
            "compared_at": stamp(self._time),
            "observed": self._observed(),
            **agreement,
            "forecast": {**agreement["forecast"], "new_detections_inside_p10": inside},
            "ember_sensitivity": self._sensitivity(),
            "best": best,
            "verdict": _verdict(best, self.detections.name, agreement),
        }

    @property
    def _time(self) -> datetime:
        """The time of the pass, or the forecast's end where that comes first."""
        return min(self.detections.time, self.request.start + timedelta(hours=self.request.hours))

    @property
    def _minutes(self) -> float:
        return (self._time - self.request.start).total_seconds() / 60

    @cached_property
    def _comparison(self) -> Comparison:
        seen = footprints.cover(self.grid, self.detections.places)
        return Comparison(seen | self.known, self.known, self.grid.cell_area / M2_PER_HECTARE)

    def _chance(self, arrival: Floats) -> Floats:
        return maps.probability(arrival, self.known, self._minutes)

    def _agreement(self) -> dict[str, dict[str, float]]:
        wind = ellipse.burned(self.grid, self.ignition, self.spells, self._minutes)
        return {
            "forecast": self._comparison.score(self._chance(self.arrival) >= _LIKELY),
            "no_change": self._comparison.score(self.known),
            "ellipse": self._comparison.score(wind),
        }

    def _observed(self) -> dict[str, float]:
        comparison = self._comparison
        return {
            "all_ha": comparison.hectares(comparison.observed),
            "new_ha": comparison.hectares(comparison.observed & ~self.known),
            "detections": len(self.detections.places),
            "detections_in_terrain": len(self._in_terrain),
        }

    @cached_property
    def _in_terrain(self) -> list[tuple[int, int]]:
        """Cells of the detections' centres."""
        inside = (place for place in self.detections.places if footprints.inside(self.grid, place))
        return [footprints.cell(self.grid, place) for place in inside]

    def _share_inside(self, possible: Booleans) -> float | None:
        """Share of the new detections whose centre lies in possible ground; None where there are
        none."""
        new = [cell for cell in self._in_terrain if not self.known[cell]]
        return round(sum(bool(possible[cell]) for cell in new) / len(new), 4) if new else None

    def _sensitivity(self) -> list[dict[str, object]]:
        """Scores of thirds of the members, by their rate of embers."""
        order = np.argsort(self.ember_rates)
        parts = [part for part in np.array_split(order, _PARTS) if len(part)]
        return [self._scores_of(part) for part in parts]

    def _scores_of(self, members: Integers) -> dict[str, object]:
        score = self._comparison.score(self._chance(self.arrival[members]) >= _LIKELY)
        rates = self.ember_rates[members]
        return {
            "ember_rate_per_kj": [float(rates.min()), float(rates.max())],
            "members": len(members),
            **{name: score[name] for name in ("iou", "kappa", "area_ha")},
        }


def _read(folder: Path) -> Verification:
    request = read_request(folder / "request.json")
    detections = read_detections(folder / "detections.json")
    if detections.time <= request.start:
        raise InputError(
            "detections.json is not newer than the forecast's start; give the pass after it."
        )
    try:
        arrays = np.load(folder / "members.npz")
        summary = json.loads((folder / "forecast.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"There is no whole forecast here ({error}); run 'firespread forecast' first."
        ) from error
    arrival = arrays["arrival"]
    return Verification(
        request=request,
        detections=detections,
        grid=landscape.read(folder / "landscape.tif").grid,
        spells=weather.read(folder / "weather.csv").spells(request.start, request.hours),
        arrival=np.where(arrival == NEVER, np.inf, arrival / 10.0),
        known=arrays["burned"].astype(bool),
        ignition=arrays["ignition"].astype(bool),
        ember_rates=np.array([member["ember_rate_per_kj"] for member in summary["ensemble"]]),
    )


def _verdict(best: str, against: str, agreement: dict[str, dict[str, float]]) -> str:
    others = [
        f"{_NAMES[name]} {score['iou']:.2f}" for name, score in agreement.items() if name != best
    ]
    text = (
        f"{_NAMES[best].capitalize()} agrees best with what the {against or 'pass'} saw "
        f"(overlap {agreement[best]['iou']:.2f}; {', '.join(others)})."
    )
    if best == "no_change":
        return f"{text} For this step the map of what had burned was a better guide than a model."
    return text
