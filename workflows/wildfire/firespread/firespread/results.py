"""What a forecast writes into its folder, from the members' runs."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np

from . import contours, files
from .arrays import Booleans, Floats
from .ensemble import Ground, Member, Runs
from .maps import DegreeGrid, median_where, probability
from .request import Request, stamp
from .units import M2_PER_HECTARE, METRES_PER_SECOND_PER_MPH

LEVELS = (0.1, 0.5, 0.9)
NEVER = 65535
"""in members.npz: fire does not come within the forecast"""
_TENTHS = 10


@dataclass(frozen=True)
class Results:
    """A forecast that is done."""

    request: Request
    ground: Ground
    members: list[Member]
    runs: Runs
    warnings: list[dict[str, str]]
    digests: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write all outputs; forecast.json is the last."""
        self._write_maps(folder)
        files.write_json(folder / "perimeters.geojson", self._perimeters(), indent=None)
        files.write_arrays(folder / "members.npz", self._arrays())
        files.write_json(folder / "forecast.json", self._summary())

    @property
    def _known(self) -> Booleans:
        return self.ground.known

    @cached_property
    def _burned(self) -> Booleans:
        """(members, rows, columns) where fire came within the forecast, or burned at the start."""
        return (self.runs.arrival >= 0) & (self.runs.arrival < self.ground.spells[-1].end)

    @cached_property
    def _hourly(self) -> Floats:
        """(hours, rows, columns) probability."""
        hours = range(1, self.request.hours + 1)
        return np.stack(
            [probability(self.runs.arrival, self._known, 60.0 * hour) for hour in hours]
        )

    def _time(self, hour: int) -> datetime:
        return self.request.start + timedelta(hours=hour)

    def _hectares(self, cells: Booleans | Floats) -> float:
        return round(float(cells.sum()) * self.ground.landscape.grid.cell_area / M2_PER_HECTARE, 1)

    def _write_maps(self, folder: Path) -> None:
        grid = DegreeGrid.over(self.ground.landscape.grid)
        names = [f"burned by {stamp(self._time(hour + 1))}" for hour in range(len(self._hourly))]
        grid.write(folder / "probability.tif", self._hourly, names)
        arrival = np.where(self._known, 0.0, median_where(self.runs.arrival, self._burned) / 60)
        grid.write(folder / "arrival.tif", arrival[None], ["median arrival [h]"])
        intensity = median_where(self.runs.intensity.astype(float), self._burned & ~self._known)
        grid.write(folder / "intensity.tif", intensity[None], ["median fireline intensity [kW/m]"])

    def _perimeters(self) -> dict[str, object]:
        features = [
            {
                "type": "Feature",
                "geometry": contours.geometry(area >= level, self.ground.landscape.grid),
                "properties": {
                    "hour": hour,
                    "time": stamp(self._time(hour)),
                    "probability": level,
                    "area_ha": self._hectares(area >= level),
                },
            }
            for hour, area in enumerate(self._hourly, start=1)
            for level in LEVELS
        ]
        return {"type": "FeatureCollection", "features": features}

    def _arrays(self) -> dict[str, object]:
        tenths = np.floor(np.where(self._burned, self.runs.arrival, 0) * _TENTHS)
        return {
            "arrival": np.where(self._burned, tenths, NEVER).astype(np.uint16),
            "burned": self._known.astype(np.uint8),
            "ignition": (self.ground.burning >= 0).astype(np.uint8),
        }

    def _summary(self) -> dict[str, object]:
        request, spells = self.request, self.ground.spells
        return {
            "format": "firespread-forecast/1",
            "incident": asdict(request.incident),
            "source": asdict(request.source),
            "start": stamp(request.start),
            "end": stamp(self._time(request.hours)),
            "hours": request.hours,
            "members": request.members,
            "ignition": [asdict(place) for place in request.ignition],
            "burned_detections": len(request.burned),
            "grid": self._grid(),
            "areas_ha": [self._areas(hour) for hour in range(1, request.hours + 1)],
            "burned_at_start_ha": self._hectares(self._known),
            "weather": self._weather(),
            "weather_first": stamp(spells[0].hour.time),
            "weather_last": stamp(spells[-1].hour.time),
            "ensemble": self._ensemble(),
            "parameters": asdict(request.parameters),
            "warnings": self.warnings + self._edge_warning(),
            "chosen_on_tubbs_2017": ["ember_rate_per_kj"],
            "inputs": self.digests,
        }

    def _grid(self) -> dict[str, object]:
        grid = self.ground.landscape.grid
        box = dict(zip(("west", "south", "east", "north"), grid.box(), strict=True))
        return {"rows": grid.rows, "columns": grid.columns, "cell_m": list(grid.cell), **box}

    def _areas(self, hour: int) -> dict[str, object]:
        area = self._hourly[hour - 1]
        at_least = {f"p{100 * level:.0f}": self._hectares(area >= level) for level in LEVELS}
        return {
            "hour": hour,
            "time": stamp(self._time(hour)),
            **at_least,
            "mean": self._hectares(area),
        }

    def _weather(self) -> list[dict[str, object]]:
        return [
            {
                "time": stamp(spell.hour.time),
                "wind_speed_20ft_mph": spell.hour.wind_mph,
                "wind_speed_m_s": round(spell.hour.wind_mph * METRES_PER_SECOND_PER_MPH, 2),
                "wind_from_deg": spell.hour.wind_from,
                "dead_fuel_moisture_1h_pct": spell.hour.moistures[0],
            }
            for spell in self.ground.spells
        ]

    @cached_property
    def _at_edge(self) -> Booleans:
        """(members,) whether fire reaches the terrain's edge where it had not burned before."""
        edge = np.ones(self._known.shape, dtype=bool)
        edge[1:-1, 1:-1] = False
        return np.array((self._burned & edge & ~self._known).any(axis=(1, 2)))

    def _ensemble(self) -> list[dict[str, object]]:
        return [
            {
                **asdict(member),
                "area_ha": self._hectares(burned | self._known),
                "reaches_edge": bool(at_edge),
            }
            for member, burned, at_edge in zip(
                self.members, self._burned, self._at_edge, strict=True
            )
        ]

    def _edge_warning(self) -> list[dict[str, str]]:
        if not (count := int(self._at_edge.sum())):
            return []
        text = (
            f"In {count} of {len(self.members)} runs fire reaches the edge of the terrain: "
            "what lies beyond is not shown and not safe."
        )
        return [{"code": "edge", "text": text}]
