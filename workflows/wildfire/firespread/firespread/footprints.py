"""From detections to cells: a detection is a box of scan (west to east) by track (south to north)
around its position."""

import math

import numpy as np

from .arrays import Booleans
from .landscape import Grid
from .request import Place


def cover(grid: Grid, places: list[Place]) -> Booleans:
    """Cells (rows, columns) whose centre lies in a footprint; a place without one, or with a tiny
    one, is the cell it lies in."""
    covered = np.zeros(grid.shape, dtype=bool)
    for place in places:
        row, column = _position(grid, place)
        rows = _span(row, 500 * place.track_km / grid.cell[1])
        covered[rows, _span(column, 500 * place.scan_km / grid.cell[0])] = True
    return covered


def inside(grid: Grid, place: Place) -> bool:
    """Whether a place lies on the terrain."""
    row, column = _position(grid, place)
    return 0 <= row < grid.rows and 0 <= column < grid.columns


def cell(grid: Grid, place: Place) -> tuple[int, int]:
    """Row and column of the cell that a place on the terrain lies in."""
    row, column = _position(grid, place)
    return int(row), int(column)


def _position(grid: Grid, place: Place) -> tuple[float, float]:
    row, column = grid.positions(np.array(place.longitude), np.array(place.latitude))
    return float(row), float(column)


def _span(centre: float, half: float) -> slice:
    half = max(half, 0.5)
    return slice(max(math.ceil(centre - half - 0.5), 0), max(math.ceil(centre + half - 0.5), 0))
