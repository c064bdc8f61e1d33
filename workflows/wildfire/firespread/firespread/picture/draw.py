"""The command `draw`: map.png of a forecast, and map-verified.png where it has been scored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import files, footprints
from ..arrays import Booleans
from ..units import KM_PER_HOUR_PER_MPH
from . import layers
from .contents import Forecast, Verification, read
from .frame import Frame
from .header import SIDE, foot, head
from .key import downwind
from .labels import Labels
from .page import HEIGHT, WIDTH, Page
from .sidebar import sidebar

_MAP_WIDTH = 6.1
"""inches at most; the column takes what the map leaves"""
_GAP = 0.3
_TICKS = 0.55
"""inches left of the map, for the degrees"""
_BELOW = 0.46
"""inches below the map, for the degrees and the bar"""
_BAR_KM = 5
_STAR = 14.0
"""pixels"""
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "text.parse_math": False,
    "hatch.linewidth": 0.6,
    "text.hinting": "none",
}


def draw(folder: Path) -> None:
    """Write map.png and, where scores.json and detections.json are there, map-verified.png;
    InputError where the forecast is not whole or a file is wrong."""
    forecast = read(folder)
    _save(compose(forecast, None), folder / "map.png")
    if forecast.verification:
        _save(compose(forecast, forecast.verification), folder / "map-verified.png")


def compose(forecast: Forecast, verification: Verification | None) -> Figure:
    """The picture of a forecast, with its score where one is given."""
    with style():
        page = Page()
        top, bottom = head(page, forecast, verification), foot(page, forecast) - 0.1
        x = _map(page, forecast, verification, top, bottom) + _GAP
        sidebar(page, forecast, verification, x, top, WIDTH - SIDE - x, bottom)
    return page.figure


@contextmanager
def style() -> Iterator[None]:
    """What pictures are composed, measured and saved in: nobody's own settings, so that the same
    input gives the same bytes."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def _save(figure: Figure, path: Path) -> None:
    with style(), files.written(path) as beside:
        figure.savefig(beside, format="png", metadata={"Software": None})


def _map(
    page: Page, forecast: Forecast, verification: Verification | None, top: float, bottom: float
) -> float:
    """Draw the map between two heights; gives its right side."""
    height = bottom - top - _BELOW
    shown = _shown(forecast, verification)
    frame = Frame.around(forecast.terrain.grid, shown, _MAP_WIDTH / height)
    axes = frame.axes(page, SIDE + _TICKS, top, _MAP_WIDTH, height)
    frame.degrees(axes)
    _layers(page, axes, forecast, verification, frame)
    _bar(page, axes, frame)
    return float(axes.get_position().x1) * WIDTH


def _layers(
    page: Page, axes: Axes, forecast: Forecast, verification: Verification | None, frame: Frame
) -> None:
    labels = Labels(page, axes, frame)
    time = verification.compared_at if verification else forecast.end
    layers.ground(axes, forecast, frame)
    layers.classes(axes, forecast, frame, forecast.chance(time))
    if forecast.summary["source"]["kind"] == "report":
        for place in forecast.summary["ignition"]:
            x, y = frame.xy(place["longitude"], place["latitude"])
            layers.report(axes, x, y)
            labels.keep_free(x, y, _STAR)
    for name in forecast.places:
        labels.place(name)
    layers.fronts(axes, forecast, frame, labels, time, downwind(forecast))
    if verification:
        layers.detections(axes, frame, verification.detections.places)


def _shown(forecast: Forecast, verification: Verification | None) -> Booleans:
    """The ground that the map has to show: where fire may be, and where it was seen."""
    shown = (forecast.chance(forecast.end) >= layers.LEVELS[0]) | forecast.known
    if verification:
        shown |= footprints.cover(forecast.terrain.grid, verification.detections.places)
    return shown if shown.any() else np.ones_like(shown)


def _bar(page: Page, axes: Axes, frame: Frame) -> None:
    """A bar of 5 km below the map."""
    box = axes.get_position()
    left, y = box.x0 * WIDTH, HEIGHT * (1 - box.y0) + 0.3
    long = 1000 * _BAR_KM * box.width * WIDTH / (frame.right - frame.left)
    page.box(left, y, long / 2, 0.07, "black", "black")
    page.box(left + long / 2, y, long / 2, 0.07, "white", "black")
    words = f"{_BAR_KM} km ({_BAR_KM / KM_PER_HOUR_PER_MPH:.1f} miles)"
    page.write(left + long + 0.1, y - 0.06, words, 9.5, bold=True)
