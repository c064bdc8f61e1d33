"""The layers of the map, from the ground up."""

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.lib.stride_tricks import sliding_window_view

from .. import footprints
from ..arrays import Booleans, Floats
from ..request import Place
from .contents import Forecast
from .frame import Frame
from .labels import Labels

LEVELS = (0.1, 0.5, 0.9)
POSSIBLE, LIKELY, CERTAIN = "#f7cf6b", "#e07b39", "#7a0f3c"
"""in order of lightness, for a grey print and for the colour-blind"""
SEEN, BEYOND = ("#c9c9c9", "#3c3c3c", "////"), ("#ececec", "#9a9a9a", "xx")
"""colour, colour of the hatching, and its pattern"""
FRONT = "#101010"
DETECTION = "#0a3f9c"
_LOWEST_SHADE = 0.80
_REACH, _LINES_APART, _EDGE = 2, 20, 0.5
"""cells; a fire has to be this many cells across for each cell of smoothing; share of cells"""
_GROWN = 1.01
_FRONTS = 8
"""the most that are readable"""


def ground(axes: Axes, forecast: Forecast, frame: Frame) -> None:
    """The hillshade, its edge, and hatching where there is no terrain."""
    shown = (frame.left, frame.right, frame.bottom, frame.top)
    colour, lines, pattern = BEYOND
    beyond = _box(shown, facecolor=colour, edgecolor=lines, hatch=pattern)
    axes.add_patch(beyond).set(linewidth=0, zorder=0)
    shade = hillshade(forecast.terrain.elevation, frame.grid.cell)
    axes.imshow(
        shade, cmap="gray", vmin=0, vmax=1, extent=frame.terrain, interpolation="bilinear",
        aspect="auto", zorder=1,
    )  # fmt: skip
    edge = _box(frame.terrain, fill=False, linestyle=(0, (6, 3)), linewidth=1.1)
    axes.add_patch(edge).set_zorder(4)
    axes.set(xlim=shown[:2], ylim=shown[2:])


def hillshade(elevation: Floats, cell: tuple[float, float]) -> Floats:
    """Brightness (rows, columns), _LOWEST_SHADE to 1, lit from the north-west at 45 degrees (Horn
    1981, Proceedings of the IEEE 69); light, so that the classes stay apart on it."""
    down, east = np.gradient(elevation, cell[1], cell[0])
    lit = (1 + 0.5**0.5 * (east + down)) / np.sqrt(2 * (1 + east**2 + down**2))
    return np.asarray(_LOWEST_SHADE + (1 - _LOWEST_SHADE) * np.clip(lit, 0, 1))


def classes(axes: Axes, forecast: Forecast, frame: Frame, chance: Floats) -> None:
    """Possible, likely and almost certain ground, and what was seen burning or burned."""
    colour, lines, pattern = SEEN
    shown = np.where(forecast.known, len(LEVELS) + 1, np.digitize(chance, LEVELS))
    axes.imshow(
        np.ma.masked_equal(shown, 0), cmap=ListedColormap([POSSIBLE, LIKELY, CERTAIN, colour]),
        vmin=0.5, vmax=len(LEVELS) + 1.5, extent=frame.terrain, interpolation="nearest",
        aspect="auto", zorder=2,
    )  # fmt: skip
    hatching = axes.contourf(
        *_centres(frame), forecast.known.astype(float), levels=(0.5, 1.5), colors="none",
        hatches=[pattern], zorder=2.5,
    )  # fmt: skip
    hatching.set(edgecolor=lines, linewidth=0)


def fronts(
    axes: Axes, forecast: Forecast, frame: Frame, labels: Labels, end: datetime, downwind: float
) -> None:
    """Where the likely fire (p >= 0.5) stands every hour up to `end`, labelled at its head;
    `downwind` in degrees. The last one is bold; another that hardly differs from the one before
    is left out."""
    x, y = _centres(frame)
    size = np.count_nonzero(forecast.chance(end) >= LEVELS[1])
    reach = min(_REACH, int(size**0.5 / _LINES_APART))
    before = np.count_nonzero(smooth(forecast.known, reach) >= _EDGE)
    for time in front_times(forecast.start, end):
        likely = smooth(forecast.chance(time) >= LEVELS[1], reach)
        area = np.count_nonzero(likely >= _EDGE)
        if area in (0, likely.size) or (area < before * _GROWN and time != end):
            continue
        before = area
        width = 1.6 if time == end else 0.8
        lines = axes.contour(x, y, likely, levels=[_EDGE], colors=FRONT, zorder=3, linewidths=width)
        lines.set_path_effects([withStroke(linewidth=width + 1.2, foreground="white")])
        segments = [np.asarray(segment) for segment in lines.allsegs[0]]
        labels.along(forecast.hour(time), segments, downwind)


def smooth(cells: Booleans, reach: int) -> Floats:
    """Share of true cells (rows, columns) in the square around each, so that a front is a line for
    people and not the outline of every spot fire."""
    sums = np.pad(cells.astype(float), reach, mode="edge")
    size = 2 * reach + 1
    for axis in (0, 1):
        sums = sliding_window_view(sums, size, axis).sum(axis=-1)
    return sums / size**2


def front_times(start: datetime, end: datetime) -> list[datetime]:
    """Every full hour after the start (every second, third, ... where those are too many), and the
    end."""
    hours = (end - start) / timedelta(hours=1)
    step = next(step for step in (1, 2, 3, 6, 12) if hours / step <= _FRONTS)
    return [start + timedelta(hours=hour) for hour in range(step, math.ceil(hours), step)] + [end]


def detections(axes: Axes, frame: Frame, places: list[Place]) -> None:
    """Detections as points, and the outline of all their footprints."""
    if not places:
        return
    x, y = np.array([frame.xy(place.longitude, place.latitude) for place in places]).T
    axes.plot(x, y, "o", color=DETECTION, markersize=2.0, markeredgewidth=0, zorder=4.1)
    wider = smooth(footprints.cover(frame.grid, places), 1) > 0
    seen = smooth(wider, 1) > 1 - 1e-9  # without the gaps of one cell between footprints
    if not seen.any() or seen.all():
        return
    outline = axes.contour(
        *_centres(frame), seen.astype(float), levels=[0.5], colors=DETECTION, linewidths=1.4,
        zorder=4.2,
    )  # fmt: skip
    outline.set_path_effects([withStroke(linewidth=2.6, foreground="white")])


def report(axes: Axes, x: float, y: float) -> None:
    """Where a caller saw fire (m)."""
    axes.plot(
        x, y, marker="*", color="black", markersize=15, markeredgecolor="white",
        markeredgewidth=1.0, zorder=6,
    )  # fmt: skip


def _centres(frame: Frame) -> tuple[Floats, Floats]:
    grid = frame.grid
    x = grid.left + (np.arange(grid.columns) + 0.5) * grid.cell[0]
    y = grid.top - (np.arange(grid.rows) + 0.5) * grid.cell[1]
    return np.asarray(x, float), np.asarray(y, float)


def _box(sides: tuple[float, float, float, float], **style: Any) -> Rectangle:
    left, right, bottom, top = sides
    return Rectangle((left, bottom), right - left, top - bottom, **style)
