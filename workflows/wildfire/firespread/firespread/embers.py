"""Embers: carried downwind, lognormal in distance, at a rate per energy released.

Sardoy et al. 2008, Combust. Flame 154:478-488, as regressions on fireline intensity and wind: the
wind-driven and the buoyancy-driven regime part at a Froude number of 1.
"""

import numpy as np

from . import chance
from .arrays import Floats, Integers, Words

_GRAVITY, _AIR_ENERGY = (
    9.81,
    1.1 * 1.121 * 300.0,
)  # m/s2; kJ/m3: density, heat capacity and temperature of air
_GREATEST = 40.0  # MW/m: the regressions are not carried beyond the fires they were made from
_DELAY = 1.0  # min: an ember that lands has to grow a fire


def distances(keys: Words, intensity: Floats, wind: Floats) -> Floats:
    """Metres that embers fly; `intensity` in kW/m, `wind` at 10 m in m/s."""
    wind = np.maximum(wind, 0.1)
    intensity = np.maximum(intensity, 1.0)
    plume = (intensity / (_AIR_ENERGY * np.sqrt(_GRAVITY))) ** (2 / 3)
    driven = wind / np.sqrt(_GRAVITY * plume) > 1
    megawatts = np.minimum(intensity / 1000, _GREATEST)
    mean = np.where(
        driven,
        1.47 * megawatts**0.54 * wind**-0.55 + 1.14,
        1.32 * megawatts**0.26 * wind**0.11 - 0.02,
    )
    spread = np.where(
        driven,
        0.86 * megawatts**-0.21 * wind**0.44 + 0.19,
        4.95 * megawatts**-0.01 * wind**-0.02 - 3.48,
    )
    return np.asarray(np.exp(mean + np.maximum(spread, 0) * chance.normal(keys)))


def flights(
    keys: Words, expected: Floats, intensity: Floats, wind: Floats
) -> tuple[Integers, Floats, Floats]:
    """The embers of burning cells that would start a fire where they land on fuel.

    `keys` one a cell, `expected` their mean number, `intensity` in kW/m, `wind` at 10 m in m/s.
    Returns, one an ember: the index of the cell it comes from, the distance in m, and the minutes
    until it burns.
    """
    counts = chance.poisson(chance.key(keys, 0), expected)
    source = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
    flown = distances(
        chance.key(keys[source], 1 + number.astype(np.uint64)), intensity[source], wind[source]
    )
    return source, flown, flown / np.maximum(wind[source], 0.1) / 60 + _DELAY
