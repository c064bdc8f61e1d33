"""Surface fire: Rothermel's spread model as restated by Andrews (2018), RMRS-GTR-371. Numbers in
brackets are its symbols.

Inside, feet, pounds, Btu and minutes. Everything depends on fuel model and moisture only, until
wind and slope come in, so the tables here have one row a fuel model and a landscape looks them up.
"""

from dataclasses import dataclass

import numpy as np

from .arrays import Floats
from .fuels import DEAD, LIVE, Fuels
from .units import KJ_PER_SQUARE_METRE_PER_BTU_PER_SQUARE_FOOT, METRES_PER_FOOT

_PARTICLE_DENSITY = 32.0  # lb/ft3
_TOTAL_MINERALS = 0.0555
_MINERAL_DAMPING = 0.174 * 0.010**-0.19
_SIZE_CLASS_LIMITS = (1200.0, 192.0, 96.0, 48.0, 16.0)  # 1/ft


@dataclass(frozen=True)
class Moistures:
    """Fuel moistures, as fractions of dry weight."""

    one_hour: float
    ten_hour: float
    hundred_hour: float
    live_herbaceous: float
    live_woody: float

    def by_class(self) -> Floats:
        """(6,) in the order of the fuel classes; cured herbaceous fuel is as dry as 1 h fuel."""
        dead = [self.one_hour, self.ten_hour, self.hundred_hour, self.one_hour]
        return np.array([*dead, self.live_herbaceous, self.live_woody])


@dataclass(frozen=True)
class SurfaceTables:
    """One value a fuel model: what is needed to spread fire with any wind and slope."""

    base_rate: Floats
    """No-wind no-slope rate of spread [R0], m/min."""
    heat_per_area: Floats
    """Heat per unit area [H_A], kJ/m2."""
    reaction_intensity: Floats
    """[I_R], Btu/ft2/min."""
    wind_coefficient: Floats
    """[C (beta/beta_op)^-E]: the wind factor is this times U^wind_exponent, U midflame in
    ft/min."""
    wind_exponent: Floats
    """[B]"""
    slope_coefficient: Floats
    """[5.275 beta^-0.3]: the slope factor is this times tan(slope)^2."""


def surface_tables(fuels: Fuels, moistures: Moistures) -> SurfaceTables:
    """Rothermel's model for every fuel model at these moistures."""
    loads = fuels.cured(moistures.live_herbaceous)
    moisture = moistures.by_class()
    ratio = fuels.surface_to_volume
    in_class, of_category = _area_weights(loads, ratio)
    mean_ratio = np.sum(of_category * np.sum(_by_category(in_class * ratio), axis=2), axis=1)
    packing = loads.sum(axis=1) / _PARTICLE_DENSITY / fuels.depth
    relative_packing = packing / (3.348 * mean_ratio**-0.8189)
    intensity = _reaction_velocity(mean_ratio, relative_packing) * _heat_released(
        fuels, loads, in_class, moisture
    )
    flux = np.exp((0.792 + 0.681 * np.sqrt(mean_ratio)) * (packing + 0.1))
    flux /= 192 + 0.2595 * mean_ratio
    preheating = in_class * np.exp(-138 / ratio) * (250 + 1116 * moisture)
    sink = np.sum(of_category * np.sum(_by_category(preheating), axis=2), axis=1)
    bulk_density = loads.sum(axis=1) / fuels.depth
    decay = 0.715 * np.exp(-3.59e-4 * mean_ratio)
    heat_per_area = intensity * 384 / mean_ratio
    return SurfaceTables(
        base_rate=intensity * flux / (bulk_density * sink) * METRES_PER_FOOT,
        heat_per_area=heat_per_area * KJ_PER_SQUARE_METRE_PER_BTU_PER_SQUARE_FOOT,
        reaction_intensity=intensity,
        wind_coefficient=7.47 * np.exp(-0.133 * mean_ratio**0.55) * relative_packing**-decay,
        wind_exponent=0.02526 * mean_ratio**0.54,
        slope_coefficient=5.275 * packing**-0.3,
    )


def _by_category(values: Floats) -> Floats:
    """(models, 6) as (models, dead and live, 4); the live category has two classes only."""
    split = np.zeros((len(values), 2, 4))
    split[:, 0] = values[:, DEAD]
    split[:, 1, :2] = values[:, LIVE]
    return split


def _area_weights(loads: Floats, ratio: Floats) -> tuple[Floats, Floats]:
    """Weights by surface area: of a class in its category [f_ij], (models, 6), and of a category
    [f_i], (models, 2)."""
    area = ratio * loads / _PARTICLE_DENSITY
    totals = _by_category(area).sum(axis=2)
    per_class = np.repeat(totals, (4, 2), axis=1)
    in_class = np.divide(area, per_class, out=np.zeros_like(area), where=per_class > 0)
    return in_class, totals / totals.sum(axis=1, keepdims=True)


def _reaction_velocity(mean_ratio: Floats, relative_packing: Floats) -> Floats:
    """Optimum reaction velocity [Gamma'], 1/min."""
    maximum = mean_ratio**1.5 / (495 + 0.0594 * mean_ratio**1.5)
    power = 133 * mean_ratio**-0.7913
    return maximum * relative_packing**power * np.exp(power * (1 - relative_packing))


def _heat_released(fuels: Fuels, loads: Floats, in_class: Floats, moisture: Floats) -> Floats:
    """Sum over dead and live of net load, heat and damping [w_n h eta_M eta_s], Btu/ft2."""
    net_load = _by_category(_size_class_weights(in_class, fuels.surface_to_volume) * loads)
    net_load = net_load.sum(axis=2) * (1 - _TOTAL_MINERALS)
    mean_moisture = _by_category(in_class * moisture).sum(axis=2)
    live_extinction = _live_extinction(fuels, loads, moisture)
    extinction = np.column_stack([fuels.extinction, live_extinction])
    dryness = np.minimum(mean_moisture / extinction, 1)
    damping = 1 - 2.59 * dryness + 5.11 * dryness**2 - 3.52 * dryness**3
    return np.asarray(np.sum(net_load * damping, axis=1) * fuels.heat * _MINERAL_DAMPING)


def _size_class_weights(in_class: Floats, ratio: Floats) -> Floats:
    """Weight of the size class that each fuel class falls in [g_ij], (models, 6)."""
    size = np.digitize(ratio, _SIZE_CLASS_LIMITS)
    weights = np.zeros_like(in_class)
    for category in (DEAD, LIVE):
        same = size[:, category, None] == size[:, None, category]
        weights[:, category] = np.sum(same * in_class[:, None, category], axis=2)
    return weights


def _live_extinction(fuels: Fuels, loads: Floats, moisture: Floats) -> Floats:
    """Live moisture of extinction [(M_x)_2], a fraction; never below that of the dead fuel."""
    ratio = fuels.surface_to_volume
    dead = loads[:, DEAD] * np.exp(-138 / ratio[:, DEAD])
    live = np.sum(loads[:, LIVE] * np.exp(-500 / ratio[:, LIVE]), axis=1)
    fine_dead = dead.sum(axis=1)
    fine_dead_moisture = np.sum(dead * moisture[DEAD], axis=1) / fine_dead
    share = np.divide(fine_dead, live, out=np.zeros_like(live), where=live > 0)
    extinction = 2.9 * share * (1 - fine_dead_moisture / fuels.extinction) - 0.226
    return np.asarray(np.maximum(extinction, fuels.extinction))
