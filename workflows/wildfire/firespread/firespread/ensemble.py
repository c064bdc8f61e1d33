"""The ensemble: members differ in wind, moisture and the rate of embers; seeds come from the
digest of the inputs.

Members burn in batches of fixed size, so that the number of processes changes nothing but the time
it takes.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from . import chance, fronts
from .arrays import Booleans, Floats
from .behaviour import Conditions, Fuelbed
from .landscape import Landscape
from .request import Parameters
from .spread import Fires, Winds
from .surface import Moistures
from .units import METRES_PER_SECOND_PER_MPH, WIND_10M_PER_20FT
from .weather import Hour, Spell

_BATCH = 5
_LEAST_MOISTURE = 1.0  # percent


@dataclass(frozen=True)
class Member:
    """What one run of the ensemble changes."""

    member: int
    seed: int
    wind_factor: float
    wind_direction_shift_deg: float
    moisture_shift_pct: float
    ember_rate_per_kj: float
    front_intensity_kw_m: float
    """least intensity of a detection that runs on"""


@dataclass(frozen=True)
class Ground:
    """What all members share."""

    landscape: Landscape
    burning: Floats
    """(rows, columns) intensity of what burns at the start, kW/m; negative where nothing does, or
    cannot"""
    known: Booleans
    """(rows, columns) ground seen burning or burned at the start"""
    spells: list[Spell]
    parameters: Parameters


@dataclass(frozen=True)
class Runs:
    """What came out, on the terrain's grid, (members, rows, columns)."""

    arrival: Floats
    """minutes after the start; the end of the forecast or more: never; negative: does not burn
    (again)"""
    intensity: NDArray[np.float32]
    """kW/m"""


def members(count: int, digest: str, parameters: Parameters) -> list[Member]:
    """The members of an ensemble for inputs of this digest (hexadecimal).

    Rates of embers are stratified: one member in each of `count` equal parts of the logarithm, in
    random order.
    """
    seeds = chance.key(np.array(int(digest[:16], 16), np.uint64), np.arange(count, dtype=np.uint64))
    factor, shift, moisture = (chance.normal(chance.key(seeds, part)) for part in (1, 2, 3))
    limit = chance.normal(chance.key(seeds, 6)) * np.log(parameters.front_intensity_factor_sd)
    order = np.argsort(chance.key(seeds, 4))
    share = (order + chance.uniform(chance.key(seeds, 5))) / count
    low, high = np.log(parameters.ember_rate_per_kj)
    rates = np.exp(low + (high - low) * share)
    return [
        Member(
            member=index,
            seed=int(seeds[index]),
            wind_factor=round(max(1 + parameters.wind_factor_sd * float(factor[index]), 0.1), 4),
            wind_direction_shift_deg=round(
                parameters.wind_direction_sd_deg * float(shift[index]), 2
            ),
            moisture_shift_pct=round(parameters.moisture_sd_pct * float(moisture[index]), 3),
            ember_rate_per_kj=float(f"{rates[index]:.4g}") if parameters.embers else 0.0,
            front_intensity_kw_m=round(
                parameters.front_intensity_kw_m * float(np.exp(limit[index])), 1
            ),
        )
        for index in range(count)
    ]


def run(ground: Ground, ensemble: list[Member], processes: int) -> Runs:
    """Burn all members."""
    batches = [ensemble[at : at + _BATCH] for at in range(0, len(ensemble), _BATCH)]
    if processes == 1:
        results = [_burn(ground, batch) for batch in batches]
    else:
        with ProcessPoolExecutor(min(processes, len(batches)), get_context("spawn")) as pool:
            results = list(pool.map(_burn, [ground] * len(batches), batches))
    return Runs(
        np.concatenate([result.arrival for result in results]),
        np.concatenate([result.intensity for result in results]),
    )


def _burn(ground: Ground, batch: list[Member]) -> Runs:
    fuelbed = Fuelbed(ground.landscape, ground.parameters)
    limits = [member.front_intensity_kw_m for member in batch]
    fires = Fires(
        ground.landscape.grid, fuelbed,
        ignition=np.array([fronts.running(ground.burning, limit) for limit in limits]),
        known=ground.known,
        seeds=np.array([member.seed for member in batch], np.uint64),
        ember_rates=np.array([member.ember_rate_per_kj for member in batch]),
        horizon=ground.spells[-1].end,
    )  # fmt: skip
    turn = _convergence(ground.landscape)
    for spell in ground.spells:
        conditions = [
            conditions_of(spell.hour, member, ground.parameters, turn) for member in batch
        ]
        fires.burn(
            spell.begin,
            spell.end,
            [fuelbed.behaviour(each) for each in conditions],
            _winds(conditions),
        )
    return Runs(fires.arrival, fires.intensity)


def conditions_of(hour: Hour, member: Member, parameters: Parameters, turn: float) -> Conditions:
    """An hour's weather as a member sees it; `turn` is the grid's convergence in degrees."""
    to = hour.wind_from + 180 + member.wind_direction_shift_deg + turn
    one, ten, hundred = (
        max(moisture + member.moisture_shift_pct, _LEAST_MOISTURE) / 100
        for moisture in hour.moistures
    )
    return Conditions(
        wind_mph=hour.wind_mph * member.wind_factor,
        wind_to=float(np.radians(to % 360)),
        moistures=Moistures(
            one, ten, hundred, parameters.live_herbaceous_moisture, parameters.live_woody_moisture
        ),
    )


def _winds(conditions: list[Conditions]) -> Winds:
    speed = np.array([each.wind_mph for each in conditions])
    return Winds(
        speed * METRES_PER_SECOND_PER_MPH * WIND_10M_PER_20FT,
        np.array([each.wind_to for each in conditions]),
    )


def _convergence(landscape: Landscape) -> float:
    west, _, east, _ = landscape.grid.box()
    return landscape.grid.projection.convergence((west + east) / 2)
