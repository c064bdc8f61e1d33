"""Where a place lies on a map in Lambert conformal conic on a sphere (Snyder 1987, USGS
Professional Paper 1395, equations 15-1 to 15-5)."""

import math

from pydantic import BaseModel, ConfigDict


class Lambert(BaseModel):
    """The projection; lengths in metres, angles in degrees."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    radius: float
    origin_latitude: float
    central_meridian: float
    parallel_1: float
    parallel_2: float
    false_easting: float
    false_northing: float

    def forward(self, latitude: float, longitude: float) -> tuple[float, float]:
        """x (east) and y (north); raises `ArithmeticError` or `ValueError` for one that is none."""
        cone = self._cone()
        rho, origin = self._rho(cone, latitude), self._rho(cone, self.origin_latitude)
        theta = cone * math.radians(longitude - self.central_meridian)
        x = self.false_easting + rho * math.sin(theta)
        return x, self.false_northing + origin - rho * math.cos(theta)

    def _cone(self) -> float:
        one, two = math.radians(self.parallel_1), math.radians(self.parallel_2)
        if math.isclose(one, two):
            return math.sin(one)
        narrowing = math.log(math.cos(one) / math.cos(two))
        return narrowing / math.log(_stretch(self.parallel_2) / _stretch(self.parallel_1))

    def _rho(self, cone: float, latitude: float) -> float:
        """Distance from the cone's tip."""
        along = math.cos(math.radians(self.parallel_1)) / cone
        return self.radius * along * math.pow(_stretch(self.parallel_1) / _stretch(latitude), cone)


def _stretch(latitude: float) -> float:
    return math.tan(math.pi / 4 + math.radians(latitude) / 2)
