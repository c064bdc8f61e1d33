"""The 40 standard fire behaviour fuel models of Scott and Burgan (2005), RMRS-GTR-153, tables 7
and 8.

Facts of a public-domain publication. Models 91 to 99 (built-up, snow, farmland, water, bare
ground) are not in the table: they do not burn.
"""

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Integers
from .units import POUNDS_PER_SQUARE_FOOT_PER_TON_PER_ACRE

# Loads in tons/acre (1 h, 10 h, 100 h, live herbaceous, live woody), dynamic or static,
# surface area to volume in 1/ft (dead 1 h, live herbaceous, live woody), depth in ft,
# dead moisture of extinction in percent, heat content in Btu/lb. 9999: no such fuel.
_TABLE = """
101 GR1 0.10 0.00  0.00 0.30 0.00 D 2200 2000 9999 0.4 15 8000
102 GR2 0.10 0.00  0.00 1.00 0.00 D 2000 1800 9999 1.0 15 8000
103 GR3 0.10 0.40  0.00 1.50 0.00 D 1500 1300 9999 2.0 30 8000
104 GR4 0.25 0.00  0.00 1.90 0.00 D 2000 1800 9999 2.0 15 8000
105 GR5 0.40 0.00  0.00 2.50 0.00 D 1800 1600 9999 1.5 40 8000
106 GR6 0.10 0.00  0.00 3.40 0.00 D 2200 2000 9999 1.5 40 9000
107 GR7 1.00 0.00  0.00 5.40 0.00 D 2000 1800 9999 3.0 15 8000
108 GR8 0.50 1.00  0.00 7.30 0.00 D 1500 1300 9999 4.0 30 8000
109 GR9 1.00 1.00  0.00 9.00 0.00 D 1800 1600 9999 5.0 40 8000
121 GS1 0.20 0.00  0.00 0.50 0.65 D 2000 1800 1800 0.9 15 8000
122 GS2 0.50 0.50  0.00 0.60 1.00 D 2000 1800 1800 1.5 15 8000
123 GS3 0.30 0.25  0.00 1.45 1.25 D 1800 1600 1600 1.8 40 8000
124 GS4 1.90 0.30  0.10 3.40 7.10 D 1800 1600 1600 2.1 40 8000
141 SH1 0.25 0.25  0.00 0.15 1.30 D 2000 1800 1600 1.0 15 8000
142 SH2 1.35 2.40  0.75 0.00 3.85 S 2000 9999 1600 1.0 15 8000
143 SH3 0.45 3.00  0.00 0.00 6.20 S 1600 9999 1400 2.4 40 8000
144 SH4 0.85 1.15  0.20 0.00 2.55 S 2000 1800 1600 3.0 30 8000
145 SH5 3.60 2.10  0.00 0.00 2.90 S  750 9999 1600 6.0 15 8000
146 SH6 2.90 1.45  0.00 0.00 1.40 S  750 9999 1600 2.0 30 8000
147 SH7 3.50 5.30  2.20 0.00 3.40 S  750 9999 1600 6.0 15 8000
148 SH8 2.05 3.40  0.85 0.00 4.35 S  750 9999 1600 3.0 40 8000
149 SH9 4.50 2.45  0.00 1.55 7.00 D  750 1800 1500 4.4 40 8000
161 TU1 0.20 0.90  1.50 0.20 0.90 D 2000 1800 1600 0.6 20 8000
162 TU2 0.95 1.80  1.25 0.00 0.20 S 2000 9999 1600 1.0 30 8000
163 TU3 1.10 0.15  0.25 0.65 1.10 D 1800 1600 1400 1.3 30 8000
164 TU4 4.50 0.00  0.00 0.00 2.00 S 2300 9999 2000 0.5 12 8000
165 TU5 4.00 4.00  3.00 0.00 3.00 S 1500 9999  750 1.0 25 8000
181 TL1 1.00 2.20  3.60 0.00 0.00 S 2000 9999 9999 0.2 30 8000
182 TL2 1.40 2.30  2.20 0.00 0.00 S 2000 9999 9999 0.2 25 8000
183 TL3 0.50 2.20  2.80 0.00 0.00 S 2000 9999 9999 0.3 20 8000
184 TL4 0.50 1.50  4.20 0.00 0.00 S 2000 9999 9999 0.4 25 8000
185 TL5 1.15 2.50  4.40 0.00 0.00 S 2000 9999 1600 0.6 25 8000
186 TL6 2.40 1.20  1.20 0.00 0.00 S 2000 9999 9999 0.3 25 8000
187 TL7 0.30 1.40  8.10 0.00 0.00 S 2000 9999 9999 0.4 25 8000
188 TL8 5.80 1.40  1.10 0.00 0.00 S 1800 9999 9999 0.3 35 8000
189 TL9 6.65 3.30  4.15 0.00 0.00 S 1800 9999 1600 0.6 35 8000
201 SB1 1.50 3.00 11.00 0.00 0.00 S 2000 9999 9999 1.0 25 8000
202 SB2 4.50 4.25  4.00 0.00 0.00 S 2000 9999 9999 1.0 25 8000
203 SB3 5.50 2.75  3.00 0.00 0.00 S 2000 9999 9999 1.2 25 8000
204 SB4 5.25 3.50  5.25 0.00 0.00 S 2000 9999 9999 2.7 25 8000
"""

DEAD = slice(0, 4)
"""Of the fuel classes, in the order of every array here: dead 1 h, 10 h, 100 h, dead herbaceous;
live herbaceous, live woody."""
LIVE = slice(4, 6)
_UNBURNABLE = -1


@dataclass(frozen=True)
class Fuels:
    """Properties of the fuel models, one row a model, in the units of Rothermel's equations."""

    numbers: Integers
    loads: Floats
    """(models, 6) lb/ft2; all herbaceous load is still in the live class."""
    dynamic: Floats
    """(models,) 1 where herbaceous load cures into the dead class."""
    surface_to_volume: Floats
    """(models, 6) 1/ft."""
    depth: Floats
    """(models,) ft."""
    extinction: Floats
    """(models,) dead moisture of extinction, fraction."""
    heat: Floats
    """(models,) Btu/lb."""

    def cured(self, live_herbaceous_moisture: float) -> Floats:
        """Loads (models, 6) after the transfer of herbaceous load to dead at this moisture (a
        fraction): all below 0.30, none above 1.20 (GTR-153, p. 8; Burgan 1979).
        """
        share = np.clip((1.20 - live_herbaceous_moisture) / 0.90, 0, 1)
        moved = self.loads[:, 4] * self.dynamic * share
        loads = self.loads.copy()
        loads[:, 3] = moved
        loads[:, 4] -= moved
        return loads

    def rows(self, numbers: Integers, substitutes: dict[int, int]) -> Integers:
        """Row of each fuel number in these tables, -1 where it does not burn."""
        rows = np.full(1 + max(999, int(numbers.max())), _UNBURNABLE)
        rows[self.numbers] = np.arange(len(self.numbers))
        for number, instead in substitutes.items():
            rows[number] = rows[instead]
        return rows[np.maximum(numbers, 0)]


def _standard() -> Fuels:
    lines = [line.split() for line in _TABLE.strip().splitlines()]
    one, ten, hundred, herbaceous, woody = np.array([line[2:7] for line in lines], float).T
    one_ratio, herbaceous_ratio, woody_ratio = np.array([line[8:11] for line in lines], float).T
    none, each = np.zeros(len(lines)), np.ones(len(lines))
    depth, extinction, heat = np.array([line[11:14] for line in lines], float).T
    loads = np.column_stack([one, ten, hundred, none, herbaceous, woody])
    ratios = [one_ratio, 109 * each, 30 * each, herbaceous_ratio, herbaceous_ratio, woody_ratio]
    return Fuels(
        numbers=np.array([int(line[0]) for line in lines]),
        loads=loads * POUNDS_PER_SQUARE_FOOT_PER_TON_PER_ACRE,
        dynamic=np.array([line[7] == "D" for line in lines], float),
        surface_to_volume=np.column_stack(ratios),
        depth=depth,
        extinction=extinction / 100,
        heat=heat,
    )


STANDARD = _standard()
