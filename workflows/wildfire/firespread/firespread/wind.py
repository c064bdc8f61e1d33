"""Wind at the flame: how much of the wind at 20 ft above the vegetation reaches it (Andrews 2012,
RMRS-GTR-266)."""

import numpy as np

from .arrays import Floats
from .units import FEET_PER_METRE

_SHELTERING_FILL = 0.05


def adjustment(fuel_depth: Floats, cover: Floats, height: Floats, base: Floats) -> Floats:
    """Midflame wind over wind at 20 ft.

    `fuel_depth` in ft, `cover` of the canopy as a fraction, its `height` and its `base` in m.
    Where crowns fill more than 5 % of the space under the canopy's top the flame is sheltered
    (equation 2), elsewhere the fuel bed alone counts (equation 6).
    """
    crown_ratio = np.clip((height - base) / np.maximum(height, 0.1), 0, 1)
    fill = cover * crown_ratio / 3
    feet = np.maximum(height * FEET_PER_METRE, 1e-9)
    sheltered = 0.555 / (np.sqrt(np.maximum(fill, 1e-9) * feet) * _log_profile(feet))
    exposed = 1.83 / _log_profile(fuel_depth)
    return np.where((fill > _SHELTERING_FILL) & (height > 0), sheltered, exposed)


def _log_profile(height: Floats) -> Floats:
    return np.asarray(np.log((20 + 0.36 * height) / (0.13 * height)))
