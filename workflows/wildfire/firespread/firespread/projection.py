"""Lambert conformal conic on a sphere (Snyder 1987, USGS Professional Paper 1395, equations 15-1
to 15-5).

Latitude and longitude are taken unchanged, whatever ellipsoid they came from: a grid on a sphere
was made so, and a geocentric shift would move everything by 20 km.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .arrays import Floats


@dataclass(frozen=True)
class LambertConformal:
    """A projection between degrees and metres."""

    radius: float
    """m"""
    origin_latitude: float
    central_meridian: float
    parallel_1: float
    parallel_2: float
    false_easting: float = 0.0
    false_northing: float = 0.0

    def forward(self, longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
        """x (east) and y (north) in metres of points in degrees."""
        rho = self._rho(np.radians(latitude))
        theta = self._cone * np.radians(longitude - self.central_meridian)
        x = self.false_easting + rho * np.sin(theta)
        return x, self.false_northing + self._rho_origin - rho * np.cos(theta)

    def inverse(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Longitude and latitude in degrees of points in metres."""
        east, south = x - self.false_easting, self._rho_origin - (y - self.false_northing)
        sign = math.copysign(1, self._cone)
        rho = sign * np.hypot(east, south)
        theta = np.arctan2(sign * east, sign * south)
        latitude = 2 * np.arctan((self.radius * self._scale / rho) ** (1 / self._cone)) - np.pi / 2
        return np.degrees(theta / self._cone) + self.central_meridian, np.degrees(latitude)

    def convergence(self, longitude: float) -> float:
        """Degrees by which true north is turned from the grid's north, clockwise, at this
        longitude."""
        return -self._cone * (longitude - self.central_meridian)

    @cached_property
    def _cone(self) -> float:
        one, two = math.radians(self.parallel_1), math.radians(self.parallel_2)
        if math.isclose(one, two):
            return math.sin(one)
        narrowing = math.log(math.cos(one) / math.cos(two))
        return narrowing / math.log(float(_stretch(two)) / float(_stretch(one)))

    @cached_property
    def _scale(self) -> float:
        one = math.radians(self.parallel_1)
        return float(math.cos(one) * _stretch(one) ** self._cone / self._cone)

    @cached_property
    def _rho_origin(self) -> float:
        return float(self._rho(math.radians(self.origin_latitude)))

    def _rho(self, latitude: Floats | float) -> Floats:
        return np.asarray(self.radius * self._scale / _stretch(latitude) ** self._cone)


def _stretch(latitude: Floats | float) -> Floats:
    return np.asarray(np.tan(np.pi / 4 + latitude / 2))
