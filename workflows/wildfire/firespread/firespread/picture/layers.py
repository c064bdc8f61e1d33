"""The layers of the map, from the ground up."""

from datetime import timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from ..arrays import Booleans, Floats
from ..request import Place
from .contents import Forecast
from .frame import Frame
from .labels import Labels

LEVELS = (0.1, 0.5, 0.9)
POSSIBLE, LIKELY, CERTAIN = "#f7cf6b", "#e07b39", "#7a0f3c"
"""in order of lightness, for a grey print and for the colour-blind"""
SEEN, SEEN_HATCH = "#c9c9c9", "#3c3c3c"
BEYOND, BEYOND_HATCH = "#ececec", "#9a9a9a"
FRONT = "#101010"
DETECTION = "#0a3f9c"
_LOWEST_SHADE = 0.80
_FRONTS = 8
"""the most that are readable"""


def ground(axes: Axes, forecast: Forecast, frame: Frame) -> None:
    """The hillshade, and hatching where there is no terrain."""
    axes.set_facecolor(BEYOND)
    axes.add_patch(
        Rectangle(
            (frame.left, frame.bottom), frame.right - frame.left, frame.top - frame.bottom,
            facecolor=BEYOND, edgecolor=BEYOND_HATCH, hatch="xx", linewidth=0, zorder=0,
        )  # fmt: skip
    )
    shade = hillshade(forecast.terrain.elevation, frame.grid.cell)
    axes.imshow(
        shade, cmap="gray", vmin=0, vmax=1, extent=frame.terrain, interpolation="nearest", zorder=1
    )
    left, right, bottom, top = frame.terrain
    axes.add_patch(
        Rectangle(
            (left, bottom), right - left, top - bottom, fill=False, edgecolor="black",
            linestyle=(0, (6, 3)), linewidth=1.1, zorder=4,
        )  # fmt: skip
    )
    axes.set_xlim(frame.left, frame.right)
    axes.set_ylim(frame.bottom, frame.top)


def hillshade(elevation: Floats, cell: tuple[float, float]) -> Floats:
    """Brightness (rows, columns), _LOWEST_SHADE to 1, lit from the north-west at 45 degrees (Horn
    1981, Proceedings of the IEEE 69); light, so that the classes stay apart on it."""
    down, east = np.gradient(elevation, cell[1], cell[0])
    lit = (1 + 0.5**0.5 * (east - down)) / np.sqrt(2 * (1 + east**2 + down**2))
    return _LOWEST_SHADE + (1 - _LOWEST_SHADE) * np.clip(lit, 0, 1)


def classes(axes: Axes, forecast: Forecast, frame: Frame, chance: Floats) -> None:
    """Possible, likely and almost certain ground, and what was seen burning or burned."""
    x, y = _centres(frame)
    axes.contourf(
        x, y, _stepped(chance), levels=(0.5, 1.5, 2.5, 3.5),
        colors=(POSSIBLE, LIKELY, CERTAIN), zorder=2, antialiased=True,
    )  # fmt: skip
    if forecast.known.any():
        _hatched(axes, frame, forecast.known)


def fronts(
    axes: Axes, forecast: Forecast, frame: Frame, labels: Labels, until: float, downwind: float
) -> None:
    """Where the likely fire (p >= 0.5) stands every hour up to `until` (minutes), labelled at its
    head; `downwind` in degrees."""
    x, y = _centres(frame)
    for minutes in front_times(until):
        mask = forecast.chance(forecast.start + timedelta(minutes=minutes)) >= LEVELS[1]
        last = minutes == until
        lines = axes.contour(
            x, y, mask.astype(float), levels=[0.5], colors=FRONT, zorder=3,
            linewidths=1.6 if last else 0.8,
        )  # fmt: skip
        lines.set_path_effects([withStroke(linewidth=3.0 if last else 1.9, foreground="white")])
        hour = forecast.start + timedelta(minutes=minutes)
        words = forecast.clock.hour(hour)
        labels.along(words, [np.asarray(path) for path in lines.allsegs[0]], downwind)


def front_times(until: float) -> list[float]:
    """Minutes after the start: every hour, or every second, third, ... where that are too many."""
    hours = int(until // 60)
    step = next(step for step in (1, 2, 3, 6, 12) if hours / step <= _FRONTS)
    return [60.0 * hour for hour in range(step, hours + 1, step)]


def detections(axes: Axes, frame: Frame, places: list[Place]) -> None:
    """Footprints of detections as boxes, and their centres as points."""
    boxes = [_footprint(frame, place) for place in places]
    axes.add_collection(
        PolyCollection(boxes, facecolors="none", edgecolors=DETECTION, linewidths=0.5, zorder=4)
    )
    x, y = np.array([frame.xy(place.longitude, place.latitude) for place in places]).T
    axes.plot(
        x, y, "o", color=DETECTION, markersize=2.6, markeredgecolor="white", markeredgewidth=0.4,
        zorder=4.1,
    )  # fmt: skip


def report(axes: Axes, frame: Frame, longitude: float, latitude: float) -> None:
    """Where a caller saw fire."""
    axes.plot(
        *frame.xy(longitude, latitude), marker="*", color="black", markersize=15,
        markeredgecolor="white", markeredgewidth=1.0, zorder=6,
    )  # fmt: skip


def _hatched(axes: Axes, frame: Frame, cells: Booleans) -> None:
    x, y = _centres(frame)
    drawn = axes.contourf(
        x, y, cells.astype(float), levels=(0.5, 1.5), colors=SEEN, hatches=["////"], zorder=2.5
    )
    drawn.set_edgecolor(SEEN_HATCH)
    drawn.set_linewidth(0)


def _centres(frame: Frame) -> tuple[Floats, Floats]:
    grid = frame.grid
    x = grid.left + (np.arange(grid.columns) + 0.5) * grid.cell[0]
    return x, grid.top - (np.arange(grid.rows) + 0.5) * grid.cell[1]


def _stepped(chance: Floats) -> Floats:
    """The class (0 to 3) of each cell."""
    return np.digitize(chance, LEVELS).astype(float)


def _footprint(frame: Frame, place: Place) -> list[tuple[float, float]]:
    x, y = frame.xy(place.longitude, place.latitude)
    wide, high = 500 * place.scan_km, 500 * place.track_km
    return [(x - wide, y - high), (x + wide, y - high), (x + wide, y + high), (x - wide, y + high)]
