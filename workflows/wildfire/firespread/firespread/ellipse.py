"""The yardstick: an untuned ellipse of wind, five times as long as wide, running at 10 % of the
wind's speed at 10 m (the rule of thumb of Cruz and Alexander 2019, Ann. For. Sci. 76:44)."""

import numpy as np

from .arrays import Booleans, Floats
from .landscape import Grid
from .units import METRES_PER_SECOND_PER_MPH, WIND_10M_PER_20FT
from .weather import Spell

_SHARE_OF_WIND = 0.1
_LENGTH_TO_WIDTH = 5.0


def burned(grid: Grid, sources: Booleans, spells: list[Spell], minutes: float) -> Booleans:
    """Cells within the ellipse of any source cell after some minutes of the mean wind at 10 m."""
    east, north = _run(spells, minutes)
    length = float(np.hypot(east, north))
    if length == 0:
        return sources.copy()
    eccentricity = np.sqrt(_LENGTH_TO_WIDTH**2 - 1) / _LENGTH_TO_WIDTH
    reach = np.array([east, north]) / length * eccentricity
    rows, columns = np.indices(grid.shape)
    inside = sources.copy()
    for row, column in np.argwhere(_rim(sources)):
        x, y = (columns - column) * grid.cell[0], (row - rows) * grid.cell[1]
        inside |= np.hypot(x, y) - (reach[0] * x + reach[1] * y) <= length * (1 - eccentricity)
    return inside


def _run(spells: list[Spell], minutes: float) -> Floats:
    """How far the head runs, m east and north."""
    way = np.zeros(2)
    for spell in spells:
        seconds = 60 * max(min(spell.end, minutes) - spell.begin, 0)
        to = np.radians(spell.hour.wind_from + 180)
        speed = spell.hour.wind_mph * METRES_PER_SECOND_PER_MPH * WIND_10M_PER_20FT * _SHARE_OF_WIND
        way += seconds * speed * np.array([np.sin(to), np.cos(to)])
    return way


def _rim(cells: Booleans) -> Booleans:
    """Cells with a neighbour that is not one of them; their ellipses cover all that those of the
    others cover."""
    padded = np.pad(cells, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return cells & ~core
