"""Names on the map: each takes the first of its possible places that is free, or is left out."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from ..arrays import Floats
from .contents import Place
from .frame import Frame
from .page import DPI, Page

_SIZES = {1: 11.0, 2: 9.5}
_SIZE = 8.5
_GAP = 4.0
"""pixels between a dot and its name"""
_DOT = 5.0
_LONGEST = 1.9
"""inches"""
_TRIES = 200


class Labels:
    """The names on one map; `taken` holds the boxes, in pixels, that are not free."""

    def __init__(self, page: Page, axes: Axes, frame: Frame) -> None:
        self._page, self._axes, self._frame = page, axes, frame
        self._inside = axes.get_window_extent()
        self.taken: list[Bbox] = []

    def place(self, place: Place) -> bool:
        """Set a dot and a name beside it; False where there is no room or it is not shown."""
        x, y = self._frame.xy(place.longitude, place.latitude)
        if not self._frame.shows(x, y):
            return False
        size = _SIZES.get(place.rank, _SIZE)
        words = self._page.cut(place.name, size, _LONGEST, bold=place.rank == 1)
        px, py = self._axes.transData.transform((x, y))
        dot = Bbox.from_extents(px - _DOT, py - _DOT, px + _DOT, py + _DOT)
        if self._blocked(dot):
            return False
        for right, up in product((1, -1, 0), (0, 1, -1)):
            if (right or up) and self._write(words, px, py, right, up, size, place.rank == 1):
                self.taken.append(dot)
                self._dot(x, y)
                return True
        return False

    def along(self, words: str, lines: list[Floats], downwind: float) -> None:
        """Set words on the first free point of lines (points, 2), from the head of the fire on."""
        if not lines:
            return
        points = max(lines, key=len)
        way = np.array([np.sin(np.radians(downwind)), np.cos(np.radians(downwind))])
        order = np.argsort(-(points @ way))
        for point in points[order[:: max(1, len(order) // _TRIES)]]:
            if self._write(words, *self._axes.transData.transform(point), 0, 0, _SIZE, True):
                return

    def _write(
        self, words: str, px: float, py: float, right: int, up: int, size: float, bold: bool
    ) -> bool:
        text = self._axes.annotate(
            words, (px, py), (right * _GAP * 72 / DPI + right * 2, up * 3), xycoords="figure pixels",
            textcoords="offset points", size=size, weight="bold" if bold else "normal",
            ha=("center", "left", "right")[right], va=("center", "bottom", "top")[up], zorder=7,
            path_effects=[withStroke(linewidth=2.4, foreground="white")],
        )  # fmt: skip
        box = text.get_window_extent(self._page.renderer).padded(2)
        if self._blocked(box):
            text.remove()
            return False
        self.taken.append(box)
        return True

    def _blocked(self, box: Bbox) -> bool:
        inside = self._inside
        if box.x0 < inside.x0 or box.x1 > inside.x1 or box.y0 < inside.y0 or box.y1 > inside.y1:
            return True
        return any(box.overlaps(other) for other in self.taken)

    def _dot(self, x: float, y: float) -> None:
        self._axes.plot(
            x, y, "o", color="black", markersize=4, markeredgecolor="white", markeredgewidth=0.8,
            zorder=6,
        )  # fmt: skip
