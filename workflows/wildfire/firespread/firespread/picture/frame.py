"""What part of the terrain a map shows, and its place on the page; in metres of the terrain's
grid."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from ..arrays import Booleans, Floats
from ..landscape import Grid
from .page import HEIGHT, WIDTH, Page

_MARGIN = 2500.0
"""m around the fire"""
_BEYOND = 1000.0
"""m shown beyond the terrain's edge"""
_LEAST = 9000.0
"""m from side to side"""


@dataclass(frozen=True)
class Frame:
    """The shown box, in metres."""

    grid: Grid
    left: float
    right: float
    bottom: float
    top: float

    @classmethod
    def around(cls, grid: Grid, shown: Booleans, shape: float) -> "Frame":
        """A box around the true cells (at least one), of a shape (width over height) where the
        terrain allows."""
        rows, columns = np.nonzero(shown)
        x = grid.left + np.array([columns.min(), columns.max() + 1]) * grid.cell[0]
        y = grid.top - np.array([rows.max() + 1, rows.min()]) * grid.cell[1]
        width = max(float(x[1] - x[0]) + 2 * _MARGIN, _LEAST)
        height = max(float(y[1] - y[0]) + 2 * _MARGIN, _LEAST)
        width, height = max(width, height * shape), max(height, width / shape)
        right, bottom = grid.left + grid.columns * grid.cell[0], grid.top - grid.rows * grid.cell[1]
        sides = _slide(float(x.mean()), width, grid.left - _BEYOND, right + _BEYOND)
        ends = _slide(float(y.mean()), height, bottom - _BEYOND, grid.top + _BEYOND)
        return cls(grid, *sides, *ends)

    @property
    def terrain(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top of the terrain."""
        grid = self.grid
        right, bottom = grid.left + grid.columns * grid.cell[0], grid.top - grid.rows * grid.cell[1]
        return grid.left, right, bottom, grid.top

    def axes(self, page: Page, x: float, y: float, width: float, height: float) -> Axes:
        """Axes in the upper left of a box on the page (inches), as large as the shape allows."""
        scale = min(width / (self.right - self.left), height / (self.top - self.bottom))
        wide, high = scale * (self.right - self.left), scale * (self.top - self.bottom)
        axes = page.figure.add_axes(
            (x / WIDTH, (HEIGHT - y - high) / HEIGHT, wide / WIDTH, high / HEIGHT)
        )
        axes.set_xlim(self.left, self.right)
        axes.set_ylim(self.bottom, self.top)
        return axes

    def xy(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Metres of a point in degrees."""
        x, y = self.grid.projection.forward(np.array(longitude), np.array(latitude))
        return float(x), float(y)

    def shows(self, x: float, y: float) -> bool:
        """Whether a point lies in the box."""
        return self.left < x < self.right and self.bottom < y < self.top

    def degrees(self, axes: Axes) -> None:
        """Label the axes in degrees, along the lower and the left side."""
        inverse = self.grid.projection.inverse
        at = np.linspace(self.left, self.right, 400)
        longitudes = inverse(at, np.full(400, self.bottom))[0]
        ticks = _round_values(longitudes)
        axes.set_xticks(np.interp(ticks, longitudes, at), [_degrees(t, "EW") for t in ticks])
        at = np.linspace(self.bottom, self.top, 400)
        latitudes = inverse(np.full(400, self.left), at)[1]
        ticks = _round_values(latitudes)
        axes.set_yticks(np.interp(ticks, latitudes, at), [_degrees(t, "NS") for t in ticks])
        axes.tick_params(labelsize=8.5, length=3, width=0.6, pad=2)


def _slide(middle: float, span: float, least: float, most: float) -> tuple[float, float]:
    """An interval of a span around a middle, moved and cut so that it lies within limits."""
    span = min(span, most - least)
    low = min(max(middle - span / 2, least), most - span)
    return low, low + span


def _round_values(values: Floats) -> Floats:
    """Round numbers within the range of values, about four of them."""
    low, high = float(values.min()), float(values.max())
    steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
    step = next((step for step in steps if (high - low) / step < 6), 10.0)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def _degrees(value: float, names: str) -> str:
    return f"{abs(value):.2f}° {names[0] if value >= 0 else names[1]}"
