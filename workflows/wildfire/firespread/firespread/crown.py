"""Crown fire: when the surface fire reaches the canopy (Van Wagner 1977) and how fast it then runs
(Cruz et al. 2005)."""

import numpy as np

from .arrays import Floats

CANOPY_HEAT = 18000.0
"""kJ/kg, low heat content of the canopy's fine fuel."""


def initiation_intensity(base: Floats, foliar_moisture: float) -> Floats:
    """Fireline intensity in kW/m that a surface fire needs to crown; `base` of the canopy in m,
    moisture a fraction.

    Van Wagner 1977, equation 4, with his heat of ignition 460 + 25.9 m, moisture m in percent.
    """
    return np.asarray((0.010 * base * (460 + 25.9 * 100 * foliar_moisture)) ** 1.5)


def spread(wind_10m: float, density: Floats, moisture: float) -> tuple[Floats, Floats]:
    """Rate of spread in m/min, and the criterion for active crowning: below 1 the fire is passive.

    `wind_10m` in km/h, `density` (canopy bulk density) in kg/m3 above zero, `moisture` of fine
    dead fuel a fraction. Cruz, Alexander and Wakimoto 2005, Can. J. For. Res. 35:1626-1639: active
    11.02 U^0.90 CBD^0.19 exp(-0.17 m), passive that times exp(-criterion), the criterion being Van
    Wagner's: the active rate over 3/CBD.
    """
    active = 11.02 * wind_10m**0.90 * density**0.19 * np.exp(-0.17 * 100 * moisture)
    criterion = active * density / 3.0
    return np.where(criterion >= 1, active, active * np.exp(-criterion)), criterion
