"""How fire behaves in every cell under one weather: surface and crown fire, wind and slope
together.

A fire in one cell spreads as an ellipse with the ignition in its rear focus, so its slowness in
direction u (a unit vector) is a - b . u, linear in u: three numbers a cell are all that the spread
over the terrain needs.
"""

from dataclasses import dataclass

import numpy as np

from . import crown, wind
from .arrays import Booleans, Floats, Integers
from .fuels import STANDARD
from .landscape import Landscape
from .request import Parameters
from .surface import Moistures, surface_tables
from .units import (
    FEET_PER_MINUTE_PER_MPH,
    KM_PER_HOUR_PER_MPH,
    WIND_10M_PER_20FT,
)

_LEAST_RATE = 1e-3  # m/min; below it a cell does not carry fire


@dataclass(frozen=True)
class Conditions:
    """Weather at one moment, as a member of the ensemble sees it."""

    wind_mph: float
    """at 20 ft"""
    wind_to: float
    """radians clockwise from grid north"""
    moistures: Moistures


@dataclass(frozen=True)
class Behaviour:
    """One value a burnable cell, in the order of `Fuelbed.cells`."""

    head_rate: Floats
    """m/min"""
    heading: Floats
    """radians clockwise from grid north"""
    eccentricity: Floats
    """of the ellipse, 0 to below 1"""
    heat_per_area: Floats
    """kJ/m2"""

    @property
    def intensity(self) -> Floats:
        """Fireline intensity at the head, kW/m (Byram)."""
        return self.heat_per_area * self.head_rate / 60

    def slowness(self) -> Floats:
        """(cells, 3): a, b east and b south, in min/m (see the module)."""
        along = 1 / (self.head_rate * (1 - self.eccentricity))
        bend = along * self.eccentricity
        return np.stack([along, bend * np.sin(self.heading), -bend * np.cos(self.heading)], axis=1)


class Fuelbed:
    """A landscape's burnable cells, with what does not change in time."""

    def __init__(self, landscape: Landscape, parameters: Parameters) -> None:
        rows = STANDARD.rows(landscape.fuel, parameters.fuel_substitutes)
        self.burnable: Booleans = rows >= 0
        self.cells: Integers = np.flatnonzero(self.burnable)
        """flat indices of the burnable cells"""
        self._parameters = parameters

        def pick(band: Floats) -> Floats:
            return band.ravel()[self.cells]

        self._row = rows.ravel()[self.cells]
        height, base = pick(landscape.canopy_height), pick(landscape.canopy_base)
        self._shelter = wind.adjustment(
            STANDARD.depth[self._row], pick(landscape.canopy_cover), height, base
        )
        self._slope_squared = pick(landscape.slope) ** 2
        self._upslope = pick(landscape.upslope)
        density = pick(landscape.canopy_density)
        self._crowns = np.flatnonzero((density > 0) & (height > base) & (base > 0))
        self._density = density[self._crowns]
        self._canopy_load = self._density * (height - base)[self._crowns]
        self._crowning = crown.initiation_intensity(base[self._crowns], parameters.foliar_moisture)

    def behaviour(self, conditions: Conditions) -> Behaviour:
        """Fire behaviour in all burnable cells."""
        surface = self._surface(conditions)
        return self._with_crowns(surface, conditions) if self._parameters.crown_fire else surface

    def _surface(self, conditions: Conditions) -> Behaviour:
        """Wind and slope add as vectors; the ellipse is that of the wind that alone would have
        their effect.

        RMRS-GTR-371: length to width is 1 + 0.25 U, U effective midflame wind in mi/h. No upper
        limit of the wind (Andrews et al. 2013).
        """
        tables, row = surface_tables(STANDARD, conditions.moistures), self._row
        midflame = conditions.wind_mph * FEET_PER_MINUTE_PER_MPH * self._shelter
        coefficient, exponent = tables.wind_coefficient[row], tables.wind_exponent[row]
        by_wind = coefficient * midflame**exponent
        by_slope = tables.slope_coefficient[row] * self._slope_squared
        east = by_wind * np.sin(conditions.wind_to) + by_slope * np.sin(self._upslope)
        north = by_wind * np.cos(conditions.wind_to) + by_slope * np.cos(self._upslope)
        factor = np.hypot(east, north)
        effective_mph = (factor / coefficient) ** (1 / exponent) / FEET_PER_MINUTE_PER_MPH
        return Behaviour(
            head_rate=np.maximum(tables.base_rate[row] * (1 + factor), _LEAST_RATE),
            heading=np.arctan2(east, north),
            eccentricity=_eccentricity(1 + 0.25 * effective_mph),
            heat_per_area=tables.heat_per_area[row],
        )

    def _with_crowns(self, surface: Behaviour, conditions: Conditions) -> Behaviour:
        """The faster of surface and crown fire where the surface fire is hot enough; passive fire
        burns part of the canopy.

        Crown fire follows the wind alone, with length to width 1 + 0.125 U, U at 20 ft in mi/h
        (Rothermel 1991, INT-438).
        """
        wind_10m = conditions.wind_mph * WIND_10M_PER_20FT * KM_PER_HOUR_PER_MPH
        rate, criterion = crown.spread(wind_10m, self._density, conditions.moistures.one_hour)
        burning = surface.intensity[self._crowns] > self._crowning
        cells = self._crowns[burning]
        heat = surface.heat_per_area.copy()
        heat[cells] += crown.CANOPY_HEAT * (self._canopy_load * np.minimum(criterion, 1))[burning]
        running = burning & (rate > surface.head_rate[self._crowns])
        cells = self._crowns[running]
        head_rate, heading = surface.head_rate.copy(), surface.heading.copy()
        eccentricity = surface.eccentricity.copy()
        head_rate[cells] = rate[running]
        heading[cells] = conditions.wind_to
        eccentricity[cells] = _eccentricity(np.float64(1 + 0.125 * conditions.wind_mph))
        return Behaviour(head_rate, heading, eccentricity, heat)


def _eccentricity(length_to_width: Floats | np.float64) -> Floats:
    return np.asarray(np.sqrt(length_to_width**2 - 1) / length_to_width)
