"""From the members to maps: probability, arrival and intensity on the terrain's grid, and the
terrain's grid in degrees."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import geotiff
from .arrays import Booleans, Floats, Integers
from .landscape import Grid

_METRES_PER_DEGREE = 111195.0  # of latitude


def probability(arrival: Floats, known: Booleans, minutes: float) -> Floats:
    """Share of the members (members, rows, columns) in which a cell has burned by a time; ground
    `known` burned at the start is 1."""
    return np.where(known, 1.0, ((arrival >= 0) & (arrival < minutes)).mean(axis=0))


def median_where(values: Floats, burned: Booleans) -> Floats:
    """Median over the members that burn a cell, (rows, columns); NaN where none does."""
    ordered = np.sort(np.where(burned, values, np.inf), axis=0)
    count = burned.sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(values) - 1)
    middle = (_pick(ordered, low) + _pick(ordered, high)) / 2
    return np.where(count > 0, middle, np.nan)


def _pick(stack: Floats, index: Integers) -> Floats:
    picked: Floats = np.take_along_axis(stack, index[None], axis=0)[0]
    return picked


@dataclass(frozen=True)
class DegreeGrid:
    """A grid in EPSG:4326 over a terrain, its cells as large; nearest cell, no interpolation."""

    grid: Grid
    west: float
    north: float
    step: tuple[float, float]
    shape: tuple[int, int]

    @classmethod
    def over(cls, grid: Grid) -> "DegreeGrid":
        """The grid that covers a terrain."""
        west, south, east, north = grid.box()
        latitude_step = grid.cell[1] / _METRES_PER_DEGREE
        shrink = math.cos(math.radians((south + north) / 2))
        longitude_step = grid.cell[0] / _METRES_PER_DEGREE / shrink
        shape = (
            math.ceil((north - south) / latitude_step),
            math.ceil((east - west) / longitude_step),
        )
        return cls(grid, west, north, (longitude_step, latitude_step), shape)

    def write(self, path: Path, bands: Floats, names: list[str]) -> None:
        """Write bands (bands, rows, columns) of the terrain's grid as GeoTIFF."""
        geotiff.write(path, self._resample(bands), (self.west, self.north), self.step, names)

    def _resample(self, bands: Floats) -> Floats:
        row, column = np.mgrid[0 : self.shape[0], 0 : self.shape[1]] + 0.5
        rows, columns = self.grid.positions(
            self.west + column * self.step[0], self.north - row * self.step[1]
        )
        inside = (
            (rows >= 0) & (rows < self.grid.rows) & (columns >= 0) & (columns < self.grid.columns)
        )
        resampled = np.full((len(bands), *self.shape), np.nan)
        resampled[:, inside] = bands[:, rows[inside].astype(int), columns[inside].astype(int)]
        return resampled
