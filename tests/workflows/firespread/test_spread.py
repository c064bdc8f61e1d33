"""Minimum travel time on small plains where the answer is known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from firespread import landscape
from firespread.behaviour import Conditions, Fuelbed
from firespread.request import Parameters
from firespread.spread import Fires, Winds, directions
from firespread.surface import Moistures

DRY = Moistures(0.05, 0.06, 0.07, 0.30, 0.60)
CALM = Conditions(0.0, 0.0, DRY)
NO_EMBERS = np.zeros(1)
START = (30, 30)


class Plain:
    """One fire from the middle of a plain."""

    def __init__(self, folder: Path, known: np.ndarray | None = None) -> None:
        self.terrain = landscape.read(folder / "landscape.tif")
        self.fuelbed = Fuelbed(self.terrain, Parameters())
        self.known = np.zeros(self.terrain.grid.shape, bool) if known is None else known

    def burn(
        self, conditions: Conditions, minutes: float, rate: np.ndarray = NO_EMBERS
    ) -> np.ndarray:
        ignition = np.zeros((1, *self.terrain.grid.shape), bool)
        ignition[0][START] = True
        seeds = np.array([7], np.uint64)
        fires = Fires(self.terrain.grid, self.fuelbed, ignition, self.known, seeds, rate, minutes)
        winds = Winds(np.array([conditions.wind_mph * 0.514]), np.array([conditions.wind_to]))
        fires.burn(0, minutes, [self.fuelbed.behaviour(conditions)], winds)
        arrival: np.ndarray = fires.arrival[0]
        return np.where((arrival >= 0) & (arrival < minutes), arrival, np.nan)

    def head_rate(self, conditions: Conditions) -> float:
        return float(self.fuelbed.behaviour(conditions).head_rate[0])


def test_there_are_32_directions_and_lines_are_whole() -> None:
    lines = directions(66, (90.0, 80.0))
    assert len(set(lines.steps.tolist())) == 32
    rows, columns = np.divmod(lines.steps + 3 * 66 + 3, 66)
    expected = np.hypot((columns - 3) * 90.0, (rows - 3) * 80.0)
    assert lines.lengths[:, :, 0].sum(axis=1) == pytest.approx(expected, rel=1e-6)


def test_without_wind_fire_is_round(job: Callable[..., Path]) -> None:
    plain = Plain(job())
    arrival = plain.burn(CALM, 2000)
    rows, columns = np.indices(arrival.shape)
    distance = 90 * np.hypot(rows - START[0], columns - START[1])
    burned = np.isfinite(arrival) & (distance > 0)
    speed = distance[burned] / arrival[burned]
    assert burned.sum() > 400
    assert speed.max() <= plain.head_rate(CALM) * 1.0001
    assert speed.min() >= plain.head_rate(CALM) * 0.98


@pytest.mark.parametrize(
    ("wind_to", "ahead"), [(180, (10, 0)), (0, (-10, 0)), (90, (0, 10)), (270, (0, -10))]
)
def test_the_head_runs_with_the_wind(
    job: Callable[..., Path], wind_to: float, ahead: tuple[int, int]
) -> None:
    plain = Plain(job())
    wind = Conditions(10.0, np.radians(wind_to), DRY)
    arrival = plain.burn(wind, 300)
    head = arrival[START[0] + ahead[0], START[1] + ahead[1]]
    assert head == pytest.approx(900 / plain.head_rate(wind), rel=0.001)
    back = arrival[START[0] - ahead[0], START[1] - ahead[1]]
    assert not back < 5 * head


def test_fire_runs_uphill(job: Callable[..., Path]) -> None:
    plain = Plain(job(bands={"slope [deg]": 30, "aspect [deg]": 180}))  # faces south: up is north
    arrival = plain.burn(CALM, 300)
    assert arrival[START[0] - 5, START[1]] < arrival[START[0] + 1, START[1]]


def test_no_line_crosses_a_strip_that_does_not_burn(job: Callable[..., Path]) -> None:
    fuel = np.full((60, 60), 102)
    fuel[33, :] = 98
    arrival = Plain(job(bands={"fuel model [Scott-Burgan 40]": fuel})).burn(
        Conditions(20.0, np.pi, DRY), 300
    )
    assert np.isfinite(arrival[32]).any()
    assert np.isnan(arrival[33:]).all()


def test_burned_ground_does_not_burn_again_nor_carry_fire(job: Callable[..., Path]) -> None:
    known = np.zeros((60, 60), bool)
    known[33, :] = True
    arrival = Plain(job(), known).burn(Conditions(20.0, np.pi, DRY), 300)
    assert np.isnan(arrival[33:]).all()


def test_embers_leap_the_strip_downwind_only(job: Callable[..., Path]) -> None:
    fuel = np.full((60, 60), 145)
    fuel[33, :] = fuel[27, :] = 98
    plain = Plain(job(bands={"fuel model [Scott-Burgan 40]": fuel}))
    arrival = plain.burn(Conditions(20.0, np.pi, DRY), 120, np.array([1e-6]))
    assert np.isfinite(arrival[34:]).any()
    assert np.isnan(arrival[:27]).all()


def test_weather_that_turns_turns_the_fire(job: Callable[..., Path]) -> None:
    plain = Plain(job())
    ignition = np.zeros((1, 60, 60), bool)
    ignition[0][START] = True
    fires = Fires(
        plain.terrain.grid, plain.fuelbed, ignition, plain.known, np.array([7], np.uint64),
        NO_EMBERS, 120.0,
    )  # fmt: skip
    calm_wind = Winds(np.zeros(1), np.zeros(1))
    for begin, wind_to in ((0.0, np.pi), (60.0, np.pi / 2)):
        behaviour = plain.fuelbed.behaviour(Conditions(8.0, wind_to, DRY))
        fires.burn(begin, begin + 60, [behaviour], calm_wind)
    arrival = fires.arrival[0]
    south, east = arrival[START[0] + 3, START[1]], arrival[START[0] + 3, START[1] + 3]
    assert 0 < south < 60 < east < 120


def test_the_ellipse_is_as_long_as_its_wind_says(job: Callable[..., Path]) -> None:
    """RMRS-GTR-371: length to width is 1 + 0.25 U, U midflame in mi/h."""
    fuelbed = Plain(job()).fuelbed
    behaviour = fuelbed.behaviour(Conditions(10.0, 0.0, DRY))
    ratio = 1 / np.sqrt(1 - behaviour.eccentricity[0] ** 2)
    assert ratio == pytest.approx(1 + 0.25 * 10 * 0.3625, rel=0.01)


def test_crowns_make_a_hot_fire_faster(job: Callable[..., Path]) -> None:
    forest = {
        "fuel model [Scott-Burgan 40]": 165, "canopy cover [%]": 60, "canopy height [m*10]": 150,
        "canopy base height [m*10]": 5, "canopy bulk density [kg/m3*100]": 20,
    }  # fmt: skip
    terrain = landscape.read(job(bands=forest) / "landscape.tif")
    gale = Conditions(40.0, 0.0, DRY)
    with_crowns = Fuelbed(terrain, Parameters()).behaviour(gale)
    without = Fuelbed(terrain, Parameters(crown_fire=False)).behaviour(gale)
    assert (with_crowns.head_rate > 3 * without.head_rate).all()
    assert (with_crowns.heat_per_area > without.heat_per_area).all()
