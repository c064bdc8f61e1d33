"""The fire model is a program of its own: its tests put its folder on the path and need its
packages (numpy, tifffile).

Worlds here are small: a plain of 90 m cells on a Lambert grid of the Tubbs landscape's kind.
"""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

WILDFIRE = Path(__file__).parents[3] / "workflows" / "wildfire"
sys.path.insert(0, str(WILDFIRE / "firespread"))

BANDS = {
    "elevation [m]": 100,
    "slope [deg]": 0,
    "aspect [deg]": -1,
    "fuel model [Scott-Burgan 40]": 102,
    "canopy cover [%]": 0,
    "canopy height [m*10]": 0,
    "canopy base height [m*10]": 0,
    "canopy bulk density [kg/m3*100]": 0,
}
KEYS = (
    (1024, 0, 1, 1), (1025, 0, 1, 1), (1026, 34737, 8, 0), (2048, 0, 1, 32767), (2057, 34736, 1, 6),
    (2058, 34736, 1, 7), (3072, 0, 1, 32767), (3074, 0, 1, 32767), (3075, 0, 1, 8),
    (3076, 0, 1, 9001), (3078, 34736, 1, 2), (3079, 34736, 1, 3), (3084, 34736, 1, 1),
    (3085, 34736, 1, 0), (3086, 34736, 1, 4), (3087, 34736, 1, 5),
)  # fmt: skip
SPHERE = (35.5, -122.7, 35.5, 41.5, 0.0, 0.0, 6371200.0, 6371200.0)
MIDDLE = {"latitude": 38.5, "longitude": -122.7}


def write_landscape(
    path: Path, bands: dict[str, Any], size: int, corner: tuple[float, float]
) -> None:
    """A landscape of size x size cells whose upper left corner lies at `corner` (m)."""
    given = BANDS | bands
    stack = np.stack([np.broadcast_to(np.int16(value), (size, size)) for value in given.values()])
    items = "".join(
        f'<Item name="DESCRIPTION" sample="{index}" role="description">{name}</Item>'
        for index, name in enumerate(given)
    )
    keys = (1, 1, 0, len(KEYS), *(number for key in KEYS for number in key))
    tags = [
        (33550, "d", 3, (90.0, 90.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, *corner, 0.0), True),
        (34735, "H", len(keys), keys, True),
        (34736, "d", len(SPHERE), SPHERE, True),
        (42112, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", True),
    ]
    tifffile.imwrite(
        path, np.moveaxis(stack, 0, -1), photometric="minisblack", planarconfig="contig",
        extratags=tags, metadata=None,
    )  # fmt: skip


def write_weather(path: Path, wind_mph: float, wind_from: float, hours: int = 5) -> None:
    """The same weather every hour from 2020-07-01 12:00 UTC."""
    rows = [
        f"2020-07-01T{12 + hour}:00:00Z,{wind_mph},{wind_from},5,6,7" for hour in range(hours + 1)
    ]
    header = (
        "time_utc,wind_speed_20ft_mph,wind_from_deg,dead_fuel_moisture_1h_pct,"
        "dead_fuel_moisture_10h_pct,dead_fuel_moisture_100h_pct"
    )
    path.write_text("\n".join([header, *rows]) + "\n")


def small_request(**changes: Any) -> dict[str, Any]:
    return {
        "format": "firespread-request/1",
        "incident": {"id": "1", "name": "A plain", "exercise": True},
        "source": {"kind": "report", "name": "report"},
        "start": "2020-07-01T12:00:00Z",
        "hours": 2,
        "members": 4,
        "ignition": [MIDDLE],
        "burned": [],
        "parameters": {},
    } | changes


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Path]:
    """Make a job's folder on a plain of grass; `bands` and `request` change what is given."""

    def make(
        name: str = "job", *, wind_mph: float = 6, wind_from: float = 0, size: int = 60,
        bands: dict[str, Any] | None = None, request: dict[str, Any] | None = None,
    ) -> Path:  # fmt: skip
        folder = tmp_path / name
        folder.mkdir()
        centre = 333_291.9  # northing of latitude 38.5 at the central meridian, m
        corner = (-45.0 * size - 45, centre + 45.0 * size + 45)  # MIDDLE is a cell's middle
        write_landscape(folder / "landscape.tif", bands or {}, size, corner)
        write_weather(folder / "weather.csv", wind_mph, wind_from)
        (folder / "request.json").write_text(json.dumps(small_request(**(request or {}))))
        return folder

    return make


@pytest.fixture(scope="session")
def tubbs() -> Path:
    return WILDFIRE / "data" / "tubbs_2017"


@pytest.fixture(scope="session")
def tubbs_pass(tubbs: Path) -> Callable[[str], list[dict[str, Any]]]:
    def read(name: str) -> list[dict[str, Any]]:
        with (tubbs / "passes" / f"{name}.csv").open() as file:
            return [
                {
                    "latitude": float(row["latitude"]),
                    "longitude": float(row["longitude"]),
                    "scan_km": float(row["scan"]),
                    "track_km": float(row["track"]),
                    "frp_mw": float(row["frp"]),
                }
                for row in csv.DictReader(file)
            ]

    return read
