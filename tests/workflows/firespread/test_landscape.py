"""The terrain: projection, bands and units, and where things lie."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from firespread import footprints, landscape
from firespread.errors import InputError
from firespread.projection import LambertConformal
from firespread.request import Place
from hypothesis import given
from hypothesis import strategies as st

TUBBS = LambertConformal(6371200.0, 35.5, -122.7, 35.5, 41.5)


def test_the_example_in_snyder() -> None:
    """USGS Professional Paper 1395, p. 295: sphere of radius 1, parallels 33 and 45."""
    example = LambertConformal(1.0, 23.0, -96.0, 33.0, 45.0)
    x, y = example.forward(np.array(-75.0), np.array(35.0))
    assert (float(x), float(y)) == pytest.approx((0.2966785, 0.2462112), abs=1e-7)


@given(st.floats(-125, -120), st.floats(30, 45))
def test_there_and_back(longitude: float, latitude: float) -> None:
    back = TUBBS.inverse(*TUBBS.forward(np.array(longitude), np.array(latitude)))
    assert (float(back[0]), float(back[1])) == pytest.approx((longitude, latitude), abs=1e-9)


def test_the_report_lies_where_proj_puts_it() -> None:
    x, y = TUBBS.forward(np.array(-122.62879), np.array(38.60895))
    assert (float(x), float(y)) == pytest.approx((6179.1757, 345392.7703), abs=0.001)


def test_true_north_turns_with_the_meridian() -> None:
    east = -121.7
    x, y = TUBBS.forward(np.array([east, east]), np.array([38.5, 38.6]))
    turned = np.degrees(np.arctan2(x[1] - x[0], y[1] - y[0]))
    assert TUBBS.convergence(east) == pytest.approx(turned, abs=1e-3)


def test_spring_lake_is_water(tubbs: Path) -> None:
    terrain = landscape.read(tubbs / "landscape.tif")
    lake = footprints.cell(terrain.grid, Place(38.455, -122.653))
    assert terrain.fuel[lake] == 98


def test_the_corners_of_the_tubbs_terrain_lie_where_proj_puts_them(tubbs: Path) -> None:
    grid = landscape.read(tubbs / "landscape.tif").grid
    assert grid.shape == (300, 233)
    longitude, latitude = grid.coordinates(
        np.array([0, 0, 300, 300.0]), np.array([0, 233, 233, 0.0])
    )
    proj = [-122.82743023, -122.58536056, -122.58574708, -122.82700058]
    assert longitude == pytest.approx(proj, abs=1e-7)
    assert latitude == pytest.approx([38.62724305, 38.6272562, 38.38411408, 38.38410098], abs=1e-7)


def test_bands_become_plain_units(job: Callable[..., Path]) -> None:
    bands = {
        "slope [deg]": 45, "aspect [deg]": 90, "canopy cover [%]": 60, "canopy height [m*10]": 155,
        "canopy base height [m*10]": 12, "canopy bulk density [kg/m3*100]": 11,
    }  # fmt: skip
    terrain = landscape.read(job(bands=bands) / "landscape.tif")
    assert terrain.slope[0, 0] == pytest.approx(1.0)
    assert np.degrees(terrain.upslope[0, 0]) == pytest.approx(270)
    assert terrain.canopy_cover[0, 0] == pytest.approx(0.60)
    assert terrain.canopy_height[0, 0] == pytest.approx(15.5)
    assert terrain.canopy_base[0, 0] == pytest.approx(1.2)
    assert terrain.canopy_density[0, 0] == pytest.approx(0.11)


def test_an_aspect_of_minus_one_is_flat(job: Callable[..., Path]) -> None:
    terrain = landscape.read(job(bands={"slope [deg]": 10, "aspect [deg]": -1}) / "landscape.tif")
    assert (terrain.slope == 0).all()


def test_a_missing_band_is_named(job: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    bands = {"fuel model [Scott-Burgan 40]": 102}
    path = job(bands=bands) / "landscape.tif"
    path.write_bytes(re.sub(rb"fuel model ", rb"FUEL-MODEL ", path.read_bytes()))
    with pytest.raises(InputError, match="no band described as 'fuel model'"):
        landscape.read(path)


def test_a_footprint_is_the_cells_whose_centre_it_covers(job: Callable[..., Path]) -> None:
    grid = landscape.read(job() / "landscape.tif").grid
    longitude, latitude = grid.coordinates(np.array(30.5), np.array(20.5))
    box = Place(float(latitude), float(longitude), scan_km=0.4, track_km=0.2)
    covered = footprints.cover(grid, [box])
    rows, columns = np.nonzero(covered)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (29, 31, 18, 22)
    point = footprints.cover(grid, [Place(float(latitude), float(longitude))])
    assert np.argwhere(point).tolist() == [[30, 20]]
