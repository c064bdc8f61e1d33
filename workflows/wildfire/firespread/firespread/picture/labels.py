"""Names on the map: each takes the first of its possible places that is free, or is left out."""

from collections.abc import Iterable
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox, IdentityTransform

from ..arrays import Floats
from .frame import Frame
from .options import Place
from .page import Page

_SIZES = {1: 11.0, 2: 9.5}
_SIZE = 8.5
_DOT, _GAP = 5.0, 7.0
"""pixels from a place to the edge of its dot, and to its name"""
_LONGEST = 1.9
"""inches"""
_TRIES = 200
_SIDES = [(right, up) for right, up in product((1, -1, 0), (0, 1, -1)) if right or up]


class Labels:
    """The names on one map, and the boxes (in pixels) that are not free."""

    def __init__(self, page: Page, axes: Axes, frame: Frame) -> None:
        self._page, self._axes, self._frame = page, axes, frame
        self._inside = axes.get_window_extent()
        self._taken: list[Bbox] = []

    def keep_free(self, x: float, y: float, pixels: float) -> None:
        """Keep names away from a point of the map (m)."""
        self._taken.append(self._around(x, y, pixels))

    def place(self, place: Place) -> bool:
        """Set a dot and a name beside it; False where there is no room or it is not shown."""
        x, y = self._frame.xy(place.longitude, place.latitude)
        dot = self._around(x, y, _DOT)
        if not self._frame.shows(x, y) or self._blocked(dot):
            return False
        main = place.rank == min(_SIZES)
        size = _SIZES.get(place.rank, _SIZE)
        words = self._page.cut(place.name, size, _LONGEST, main)
        if not self._write(words, size, main, ((*self._pixels(x, y), *side) for side in _SIDES)):
            return False
        self._taken.append(dot)
        self._axes.plot(
            x, y, "o", color="black", markersize=4, markeredgecolor="white", markeredgewidth=0.8,
            zorder=6,
        )  # fmt: skip
        return True

    def along(self, words: str, lines: list[Floats], downwind: float) -> bool:
        """Set words on the first free point of the longest line (points, 2), or else beside one,
        from the head of the fire on; `downwind` in degrees."""
        points = max(lines, key=len, default=np.zeros((0, 2)))
        way = np.array([np.sin(np.radians(downwind)), np.cos(np.radians(downwind))])
        order = np.argsort(-(points @ way), kind="stable")
        tried = [self._pixels(*each) for each in points[order[:: 1 + len(order) // _TRIES]]]
        spots = ((*each, *side) for side in [(0, 0), *_SIDES] for each in tried)
        return self._write(words, _SIZE, True, spots)

    def _write(
        self, words: str, size: float, bold: bool, spots: Iterable[tuple[float, float, int, int]]
    ) -> bool:
        """Set words at the first free spot: a point in pixels, and to which side of it (-1, 0, 1:
        left or below, upon, right or above)."""
        text = self._axes.text(
            0, 0, words, size=size, weight="bold" if bold else "normal", ha="left", va="bottom",
            transform=IdentityTransform(), zorder=7,
            path_effects=[withStroke(linewidth=2.4, foreground="white")],
        )  # fmt: skip
        extent = text.get_window_extent(self._page.renderer)
        for x, y, right, up in spots:
            left = x + right * _GAP + (right - 1) / 2 * extent.width
            bottom = y + (up * _GAP if not right else 0) + (up - 1) / 2 * extent.height
            box = Bbox.from_bounds(left, bottom, extent.width, extent.height).padded(2)
            if not self._blocked(box):
                text.set_position((left, bottom))
                self._taken.append(box)
                return True
        text.remove()
        return False

    def _pixels(self, x: float, y: float) -> tuple[float, float]:
        px, py = self._axes.transData.transform((x, y))
        return float(px), float(py)

    def _around(self, x: float, y: float, pixels: float) -> Bbox:
        px, py = self._pixels(x, y)
        return Bbox.from_extents(px - pixels, py - pixels, px + pixels, py + pixels)

    def _blocked(self, box: Bbox) -> bool:
        inside = self._inside
        if box.x0 < inside.x0 or box.x1 > inside.x1 or box.y0 < inside.y0 or box.y1 > inside.y1:
            return True
        return any(box.overlaps(other) for other in self._taken)
