"""Which of the detected fires still run: a detection whose radiation betrays no more than a
creeping fire starts no front.

The heat of a fire is 6.85 times what it radiates (Wooster et al. 2005, J. Geophys. Res. 110,
D24311: 0.368 kg of fuel burned per MJ radiated, of 18,600 kJ/kg); spread over a front across the
footprint that is Byram's intensity. Below 346 kW/m (100 Btu/ft/s) people with hand tools hold a
fire (Roussopoulos 1974; Andrews and Rothermel 1982, INT-131): so such an edge is taken as one that
does not run. The measure is rough, so each member of the ensemble draws its own limit around that.
"""

import math

import numpy as np

from . import footprints
from .arrays import Booleans, Floats
from .landscape import Grid
from .request import Place

_HEAT_PER_RADIATION = 0.368 * 18.6


def intensity(place: Place) -> float:
    """Fireline intensity in kW/m of a front across a detection; infinite where its radiation is
    not known."""
    width = 1000 * math.sqrt(place.scan_km * place.track_km)
    if place.frp_mw is None or not width:
        return math.inf
    return 1000 * place.frp_mw * _HEAT_PER_RADIATION / width


def burning(grid: Grid, places: list[Place]) -> Floats:
    """(rows, columns) intensity of what was seen burning in each cell, kW/m; negative where
    nothing was."""
    seen = np.full(grid.shape, -1.0)
    for place in places:
        cells = footprints.cover(grid, [place])
        seen[cells] = np.maximum(seen[cells], intensity(place))
    return seen


def running(seen: Floats, limit: float) -> Booleans:
    """Cells where fire runs on, given `burning` and a limit in kW/m; where none reaches it, the
    hottest do."""
    return seen >= min(limit, float(seen.max()))
