"""The terrain: fuel, slope and canopy on a grid of metres with row 0 in the north, in plain
units."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import geotiff
from .arrays import Floats, Integers
from .errors import InputError
from .projection import LambertConformal

_BANDS = (
    "elevation", "slope", "aspect", "fuel model",
    "canopy cover", "canopy height", "canopy base height", "canopy bulk density",
)  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """Where the cells lie: upper left corner and cell size in metres, and the projection."""

    rows: int
    columns: int
    left: float
    top: float
    cell: tuple[float, float]
    projection: LambertConformal

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def cell_area(self) -> float:
        """m2"""
        return self.cell[0] * self.cell[1]

    def positions(self, longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
        """Row and column of points, as fractions: 0.5 is the middle of the first cell."""
        x, y = self.projection.forward(longitude, latitude)
        return (self.top - y) / self.cell[1], (x - self.left) / self.cell[0]

    def coordinates(self, row: Floats, column: Floats) -> tuple[Floats, Floats]:
        """Longitude and latitude of positions (see `positions`)."""
        return self.projection.inverse(
            self.left + column * self.cell[0], self.top - row * self.cell[1]
        )

    def centres(self) -> tuple[Floats, Floats]:
        """Longitude and latitude of the cells' centres, each (rows, columns)."""
        row, column = np.mgrid[0 : self.rows, 0 : self.columns] + 0.5
        return self.coordinates(row, column)

    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees, of all that the grid covers."""
        row, column = np.mgrid[0 : self.rows + 1, 0 : self.columns + 1].astype(float)
        longitude, latitude = self.coordinates(row, column)
        west, east = float(longitude.min()), float(longitude.max())
        return west, float(latitude.min()), east, float(latitude.max())


@dataclass(frozen=True)
class Landscape:
    """Bands (rows, columns)."""

    grid: Grid
    elevation: Floats
    """m"""
    slope: Floats
    """tangent of the steepest slope"""
    upslope: Floats
    """direction of steepest ascent, radians clockwise from grid north; 0 on flat ground"""
    fuel: Integers
    """Scott and Burgan's number"""
    canopy_cover: Floats
    """fraction"""
    canopy_height: Floats
    """m"""
    canopy_base: Floats
    """height of the canopy's base, m"""
    canopy_density: Floats
    """kg/m3"""


def read(path: Path) -> Landscape:
    """The landscape of a GeoTIFF (see README.md for its bands); InputError where a band is
    missing."""
    raster = geotiff.read(path)
    bands = {name: _band(path.name, raster, name) for name in _BANDS}
    fuel, slope, aspect = bands["fuel model"], bands["slope"], bands["aspect"]
    canopy = {name: np.maximum(band, 0) for name, band in bands.items()}
    flat = (aspect < 0) | (slope <= 0)
    rows, columns = fuel.shape
    return Landscape(
        grid=Grid(rows, columns, raster.left, raster.top, raster.cell, raster.projection),
        elevation=bands["elevation"],
        slope=np.tan(np.radians(np.where(flat, 0, slope))),
        upslope=np.radians(np.where(flat, 0, (aspect + 180) % 360)),
        fuel=fuel.astype(np.int64),
        canopy_cover=canopy["canopy cover"] / 100,
        canopy_height=canopy["canopy height"] / 10,
        canopy_base=canopy["canopy base height"] / 10,
        canopy_density=canopy["canopy bulk density"] / 100,
    )


def _band(file: str, raster: geotiff.Raster, name: str) -> Floats:
    for index, description in enumerate(raster.descriptions):
        if description.split("[")[0].strip().lower() == name:
            return np.asarray(raster.bands[index], float)
    raise InputError(
        f"{file} has no band described as '{name}' (it has: {', '.join(raster.descriptions)}). "
        f"Set the descriptions, with rasterio or gdal_edit, to: {', '.join(_BANDS)}."
    )
